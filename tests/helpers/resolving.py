"""Resolutions as a run makes them: real uv, over a loopback index, for targets of several systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minimirror.distributions.targets import Target
from minimirror.resolution.inputs import Needs, Requirements
from minimirror.resolution.policy import ResolutionPolicy
from minimirror.resolution.uv import Resolution, resolve
from minimirror.upstream import Retry
from minimirror.upstream.index import Index, Indexes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minimirror.simple_api import File, Page
    from tests.helpers.index import Index as Server

__all__ = ["LINUX", "MACOS", "WINDOWS", "OpenPolicy", "Resolver", "requirements", "versions"]

LINUX = Target("3.12", "manylinux_2_28_x86_64")
WINDOWS = Target("3.12", "win_amd64")
MACOS = Target("3.12", "macosx_12_0_arm64")


class OpenPolicy(ResolutionPolicy):
    """Allows everything that a target's Python can use, unless a test replaces an attribute."""

    def __init__(self, *targets: Target, **replaced: Any) -> None:
        self.targets = targets
        self.local_files = lambda _: ()
        self.is_mirrored = lambda _: True
        self.is_ignored = lambda _: False
        self.why_refused = lambda *_: None
        self.prereleases = self.build = False
        self.timeout = 7200.0
        for name, value in replaced.items():
            setattr(self, name, value)

    def allowed(self, project: str, page: Page, target: int | None) -> Iterator[File]:  # noqa: ARG002
        for file in page.files:
            if target is None or self.targets[target].accepts_python(file.requires_python):
                yield file


class Resolver:
    """Resolves requests against an index, with an open policy."""

    def __init__(self, server: Server, *targets: Target, url: str | None = None, **policy: Any) -> None:
        self.targets = targets or (LINUX,)
        self.indexes = Indexes([Index(url or server.url, retry=Retry(attempts=2, pause=0))], lambda _: 0)
        self.policy = OpenPolicy(*self.targets, **policy)

    def all(self, *requests: Requirements) -> list[Resolution]:
        pairs = [(request, at) for request in requests for at in range(len(self.targets))]
        return resolve(pairs, self.targets, self.indexes, self.policy)

    def __call__(self, source: str, **details: Any) -> list[Resolution]:
        """Resolve one request, and return one resolution per target."""
        return self.all(requirements(source, source, **details))

    def one(self, source: str, **details: Any) -> Resolution:
        """Resolve one request for the one target, and expect a solution."""
        (found,) = self(source, **details)
        assert found.failure is None, found.failure
        return found

    def failure(self, source: str, **details: Any) -> str:
        """Resolve one request for the one target, expect a failure, and return its message."""
        (found,) = self(source, **details)
        assert found.failure is not None
        assert found.needed == ()
        return found.failure


def requirements(name: str, *texts: str, **details: Any) -> Requirements:
    """Return requirements to resolve together."""
    return Requirements(name, needs=Needs(list(texts)), **details)


def versions(found: Resolution | Sequence[Resolution]) -> Any:
    """Return what is needed, as ``PROJECT VERSION``; one list per resolution if there are several."""
    if isinstance(found, Resolution):
        assert found.failure is None, found.failure
        return [f"{each.project} {each.version}" for each in found.needed]
    return [versions(each) for each in found]
