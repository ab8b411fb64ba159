"""Resolutions as a run makes them: real uv, over a loopback index, for targets of several systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from minimirror.distributions.targets import Target
from minimirror.resolution.uv import Environment, Resolution, Terms, resolve
from minimirror.simple_api import Page
from minimirror.upstream.http import Retry
from minimirror.upstream.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minimirror.simple_api import File
    from tests.helpers.index import Index as Server

__all__ = ["LINUX", "MACOS", "WINDOWS", "Resolver", "versions"]

LINUX = Target("3.12", "manylinux_2_28_x86_64")
WINDOWS = Target("3.12", "win_amd64")
MACOS = Target("3.12", "macosx_12_0_arm64")


class Resolver:
    """Resolves against an index, with rules that refuse nothing but what a target's Python cannot use."""

    def __init__(self, server: Server, *targets: Target, url: str | None = None, **terms: Any) -> None:
        self.targets = targets or (LINUX,)
        self.index = Index(url or server.url, retry=Retry(attempts=2, pause=0))
        self.terms = Terms(**{"allowed": self.allowed, **terms})

    def allowed(self, _project: str, page: Page, number: int | None) -> Iterator[File]:
        for file in page.files:
            if number is None or self.targets[number].accepts_python(file.requires_python):
                yield file

    def all(self, *environments: Environment) -> list[Resolution]:
        return resolve(environments, self.targets, self.index, self.terms)

    def __call__(self, source: str | Path, **details: Any) -> list[Resolution]:
        """Resolve one environment; answers one resolution a target."""
        name = source.name if isinstance(source, Path) else source
        return self.all(Environment(name, source, **details))

    def one(self, source: str | Path, **details: Any) -> Resolution:
        """Resolve one environment for the one target, and find an answer."""
        (found,) = self(source, **details)
        assert found.failure is None, found.failure
        return found

    def failure(self, source: str | Path, **details: Any) -> str:
        """Resolve one environment for the one target in vain."""
        (found,) = self(source, **details)
        assert found.failure is not None
        assert found.needed == ()
        return found.failure


def versions(found: Resolution | Sequence[Resolution]) -> Any:
    """What is needed, as ``PROJECT VERSION``; a list of it where there are several."""
    if isinstance(found, Resolution):
        assert found.failure is None, found.failure
        return [f"{each.project} {each.version}" for each in found.needed]
    return [versions(each) for each in found]
