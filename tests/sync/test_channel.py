"""Messages over a pair of sockets: neither end ever waits for the other."""

from __future__ import annotations

import select
import selectors
import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.sync.workers.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

BIG = 8 << 20
"""Bytes: more than a pair of sockets holds."""


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


@pytest.fixture
def pair(sockets: tuple[socket.socket, socket.socket]) -> tuple[Channel, Channel]:
    here, there = map(Channel, sockets)
    return here, there


def exchange(*channels: Channel) -> dict[Channel, list[Any]]:
    """Send and receive until nothing is left to send, as whoever watches the sockets does."""
    received: dict[Channel, list[Any]] = {channel: [] for channel in channels}
    left = True
    while left:
        left = any(channel.waits for channel in channels) or bool(select.select(channels, [], [], 0)[0])
        for channel in channels:
            channel.flush()
            received[channel] += channel.receive()
    return received


def wire(*messages: object) -> bytes:
    """Return what a channel sends."""
    here, there = socket.socketpair()
    with here, there:
        channel = Channel(here)
        for message in messages:
            channel.send(message)
        return there.recv(1 << 16)


class TestMessages:
    def test_arrive_as_they_were_in_their_order(self, pair: tuple[Channel, Channel]) -> None:
        here, there = pair
        messages = [1, "two", b"", None, [(3, {"four": 5.0})], b"x" * 100_000]
        for message in messages:
            here.send(message)
        assert exchange(here, there)[there] == messages

    def test_none_has_arrived(self, pair: tuple[Channel, Channel]) -> None:
        assert pair[0].receive() == []
        assert not pair[0].waits

    def test_big_ones_both_ways_at_once(self, pair: tuple[Channel, Channel]) -> None:
        """Each end sends before it receives."""
        here, there = pair
        for number in range(3):
            here.send((number, b"h" * BIG))
            there.send((number, b"t" * BIG))
        assert here.waits
        assert there.waits
        received = exchange(here, there)
        assert received[here] == [(number, b"t" * BIG) for number in range(3)]
        assert received[there] == [(number, b"h" * BIG) for number in range(3)]
        assert not here.waits
        assert not there.waits

    def test_one_that_is_not_read_keeps_no_one_waiting(self, pair: tuple[Channel, Channel]) -> None:
        here, _ = pair
        for _ in range(10):
            here.send(b"x" * BIG)
        here.flush()
        assert here.waits
        assert here.receive() == []

    def test_the_socket_shows_when_there_is_something_to_do(self, pair: tuple[Channel, Channel]) -> None:
        here, there = pair
        with selectors.DefaultSelector() as selector:
            selector.register(there, selectors.EVENT_READ)
            assert selector.select(0) == []
            here.send("hello")
            ((key, _),) = selector.select(0)
            assert key.fileobj is there
            assert there.receive() == ["hello"]
            assert selector.select(0) == []


class TestPartialMessages:
    def test_arrives_with_its_last_byte(self, sockets: tuple[socket.socket, socket.socket]) -> None:
        here, there = sockets[0], Channel(sockets[1])
        *first, last = wire("hello")
        for byte in first:
            here.send(bytes([byte]))
            assert there.receive() == []
        here.send(bytes([last]))
        assert there.receive() == ["hello"]

    def test_stays_until_its_rest_comes(self, sockets: tuple[socket.socket, socket.socket]) -> None:
        here, there = sockets[0], Channel(sockets[1])
        data = wire("one", "two", "three")
        here.send(data[:-3])
        assert there.receive() == ["one", "two"]
        here.send(data[-3:] + wire("four"))
        assert there.receive() == ["three", "four"]

    @given(
        st.lists(st.binary(max_size=300) | st.integers() | st.none(), max_size=5),
        st.lists(st.integers(1, 200), min_size=1, max_size=10),
    )
    def test_any_messages_in_any_pieces(self, messages: list[object], sizes: list[int]) -> None:
        data = wire(*messages) if messages else b""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            channel, received = Channel(theirs), []
            while data:
                for size in sizes:
                    piece, data = data[:size], data[size:]
                    ours.send(piece)
                    received += channel.receive()
            assert received == messages


class TestClosedEnd:
    def test_what_was_sent_before_arrives(self, pair: tuple[Channel, Channel]) -> None:
        here, there = pair
        here.send("last words")
        here.close()
        assert there.receive() == ["last words"]
        with pytest.raises(EOFError):
            there.receive()

    def test_in_the_middle_of_a_message(self, sockets: tuple[socket.socket, socket.socket]) -> None:
        here, there = sockets[0], Channel(sockets[1])
        here.send(wire("whole", "half")[:-2])
        here.close()
        assert there.receive() == ["whole"]
        with pytest.raises(EOFError):
            there.receive()

    def test_nothing_can_be_sent(self, pair: tuple[Channel, Channel]) -> None:
        here, there = pair
        there.close()
        with pytest.raises(OSError, match="Broken pipe"):
            here.send("anyone there?")

    def test_while_something_is_left_to_send(self, pair: tuple[Channel, Channel]) -> None:
        here, there = pair
        here.send(b"x" * BIG)
        there.close()
        with pytest.raises(OSError, match="Broken pipe"):
            here.flush()

    def test_that_has_not_read_everything(self, pair: tuple[Channel, Channel]) -> None:
        here, there = pair
        here.send("not read")
        there.close()
        with pytest.raises(EOFError):
            here.receive()
