"""Run SeaweedFS, an object store with the API of S3."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.helpers.servers.process import free_port, script, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["KEYS", "seaweedfs"]

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@contextmanager
def seaweedfs(home: Path) -> Iterator[str]:
    """Run a store; yield its origin. It creates buckets when something is put into them; anyone can read."""
    home.mkdir(parents=True, exist_ok=True)
    credentials = {"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
    identities = [
        {"name": "test", "credentials": [credentials], "actions": ["Admin", "Read", "Write", "List"]},
        {"name": "anonymous", "actions": ["Read"]},
    ]
    (home / "s3.json").write_text(json.dumps({"identities": identities}))
    (home / "data").mkdir()
    roles = ("master", "volume", "filer", "s3")
    ports = {f"-{role}.port{kind}": free_port() for role in roles for kind in ("", ".grpc")}
    origin = f"http://127.0.0.1:{ports['-s3.port']}"
    command: list[str | Path] = [
        *(script("weed"), "server", "-ip=127.0.0.1", f"-dir={home / 'data'}", "-master.telemetry=false"),
        *("-volume.max=100", "-master.volumeSizeLimitMB=64", f"-filer.localSocket={home / 'socket'}"),
        *("-s3", f"-s3.config={home / 's3.json'}", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"{name}={port}" for name, port in ports.items()),
    ]
    with serving(command, origin, home, kill=True):
        yield origin
