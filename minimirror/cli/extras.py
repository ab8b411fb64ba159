"""Optional dependencies: a command that lacks one says how to install it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from minimirror.common import MinimirrorError, missing_extra

__all__ = ["MissingExtraError", "needs_extra"]


class MissingExtraError(MinimirrorError):
    """A command needs an optional dependency that is not installed."""

    exit_code = 2


@contextmanager
def needs_extra(command: str, modules: Collection[str]) -> Iterator[None]:
    """Turn a failed import of an optional dependency into an error that says how to install it.

    :param command: the command and the extra, which have the same name: ``"push"``
    :param modules: top-level modules that the extra installs
    :raises MissingExtraError: if one of these modules is not installed
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in modules:
            raise
        raise MissingExtraError(missing_extra(f"`minimirror {command}`", missing, command)) from None
