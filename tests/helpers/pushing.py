"""`minimirror push` as a user runs it, and a pypiserver to push to, whose user is ann."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.helpers.running import minimirror_command
from tests.helpers.servers import Gateway, gateway, htpasswd, pypiserver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

__all__ = ["ANN", "Shelf", "config", "counts", "push", "pushed", "shelf"]

ANN = {"TWINE_USERNAME": "ann", "TWINE_PASSWORD": "s3cr&t/:$"}


class Shelf:
    """A server that takes uploads, and its files."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.origin = origin

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    @contextmanager
    def emptied(self) -> Iterator[Gateway]:
        """Empty the server, and put a gateway in front of it."""
        for path in self.folder.iterdir():
            path.unlink()
        with gateway(self.origin) as way:
            yield way


@contextmanager
def shelf(home: Path) -> Iterator[Shelf]:
    """Run a pypiserver that anyone may read."""
    folder, passwords = home / "packages", home / ".htpasswd"
    folder.mkdir()
    passwords.write_text(htpasswd("ann", ANN["TWINE_PASSWORD"]), encoding="utf-8")
    options = ("run", "-P", passwords, "-a", "update", "--disable-fallback")
    with pypiserver(home / "home", *options, folder) as origin:
        yield Shelf(folder, origin)


def config(repository: Path, **values: Any) -> Path:
    """Write a config beside a repository."""
    path = repository.with_suffix(".push.json")
    path.write_text(json.dumps({"repository": str(repository), "connections": 4, **values}))
    return path


def push(
    repository: Path,
    *words: str,
    env: dict[str, str] = ANN,
    exit_code: int = 0,
    **values: Any,
) -> Result:
    """Run `minimirror push` with these arguments, and a config with these values."""
    path = config(repository, **values)
    return minimirror_command("push", "--config", path, *words, env=env, exit_code=exit_code)


def pushed(repository: Path, *words: str, **options: Any) -> dict[str, Any]:
    """Return what `minimirror push --json` prints."""
    found: dict[str, Any] = json.loads(push(repository, *words, "--json", **options).stdout)
    return found


def counts(*, present: int = 0, uploaded: int = 0) -> dict[str, int]:
    """Return the `files` of a push without failures."""
    return {"chosen": present + uploaded, "present": present, "uploaded": uploaded, "failed": 0}
