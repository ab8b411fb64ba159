"""Ask a server for pages: `load.py PORT CONNECTIONS RATE < paths`; prints one JSON object.

Each connection is a process, which asks again on the same connection for paths in turn. With a rate, in
requests a second of all together, each request has its time, and its latency counts from there whether the
connection was free by then or not, so that a server that stalls cannot hide it. With rate 0 each asks as
soon as it has its answer.
"""

import json
import multiprocessing
import socket
import sys
import time
from multiprocessing.connection import Connection


def _request(path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: application/vnd.pypi.simple.v1+json, */*;q=0.1",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _answer(stream: socket.socket) -> None:
    """Read one response, whose length is known."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(stream)
    head = data[:end].lower()
    if not head.startswith(b"http/1.1 200 "):
        raise SystemExit(f"an answer that is none: {head[:200]!r}")
    left = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) - (len(data) - end - 4)
    while left > 0:
        left -= len(_more(stream))


def _more(stream: socket.socket) -> bytes:
    data = stream.recv(1 << 16)
    if not data:
        raise SystemExit("the server has hung up")
    return data


def _ask(port: int, paths: list[str], times: list[float], found: Connection) -> None:
    """Ask for each path at its time, in seconds from now, and send the latencies."""
    stream = socket.create_connection(("127.0.0.1", port), 60)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    requests = [_request(path) for path in paths]
    latencies = []
    start = time.perf_counter()
    for request, due in zip(requests, times, strict=True):
        begun = time.perf_counter()
        if due:
            wait = start + due - begun
            if wait > 0:
                time.sleep(wait)
            begun = start + due
        stream.sendall(request)
        _answer(stream)
        latencies.append(time.perf_counter() - begun)
    found.send((time.perf_counter() - start, latencies))


def load(port: int, paths: list[str], connections: int, rate: float) -> dict[str, float]:
    """Ask for all paths; return what it took."""
    workers = []
    for number in range(connections):
        mine = paths[number::connections]
        times = [(number + index * connections + 1) / rate if rate else 0.0 for index in range(len(mine))]
        receiver, sender = multiprocessing.Pipe(duplex=False)
        worker = multiprocessing.Process(target=_ask, args=(port, mine, times, sender), daemon=True)
        worker.start()
        sender.close()
        workers.append((worker, receiver))
    seconds, latencies = 0.0, []
    for worker, receiver in workers:
        took, each = receiver.recv()
        worker.join()
        seconds = max(seconds, took)
        latencies += each
    latencies.sort()
    return {
        "seconds": seconds,
        "rate": len(latencies) / seconds,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)],
        "worst": latencies[-1],
    }


if __name__ == "__main__":
    given = [float(argument) for argument in sys.argv[1:]]
    print(json.dumps(load(int(given[0]), sys.stdin.read().split(), int(given[1]), given[2])))
