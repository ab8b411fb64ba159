"""Pushing: what the mirror holds into another index, by the upload API that twine speaks.

``pushing`` reads top to bottom. Below it: what is to be pushed (``holdings``), into which index (``target``,
with ``credentials`` and ``urls``), what is there already (``comparison``), one file to its place
(``upload``, of what ``package`` has read), and what the server says of it (``reason``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minimirror.push.errors import PushError, PushRequestError

if TYPE_CHECKING:
    from minimirror.config import Config

__all__ = ["PushError", "PushRequestError", "push_and_show"]

_EXTRA = {"requests_toolbelt", "rfc3986", "twine"}


def push_and_show(config: Config, target: str, **options: Any) -> int:
    """Push; see :func:`minimirror.push.commands.push_and_show`, which needs what the extra ``push`` installs.

    :raises PushRequestError: that is not installed
    """
    try:
        from minimirror.push.commands import push_and_show as push_it  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        raise PushRequestError(
            f"`minimirror push` needs {missing}, which is not installed: pip install 'minimirror[push]'"
        ) from None
    return push_it(config, target, **options)
