"""Serving the repository: an index for pip and uv, and a place for uploads.

``server`` runs, ``app`` says who answers what: ``pages`` and ``metadata`` from the catalog and the folder,
``own`` for what minimirror did not place, ``uploads`` with ``passwords``, and ``backend`` has pypiserver do
the rest. ``answer`` is the HTTP that they share, ``channel`` the connection below it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from minimirror.serve.errors import ServeError

if TYPE_CHECKING:
    from pathlib import Path

    from minimirror.config import Config

__all__ = ["ServeError", "serve"]

_EXTRA = {"bcrypt", "multipart", "passlib", "pypiserver", "waitress"}


def serve(  # noqa: PLR0913 - the command's options
    config: Config, *, host: str, port: int, htpasswd: Path | None = None, quiet: bool, verbose: bool
) -> None:
    """Serve; see :func:`minimirror.serve.server.serve`, which needs what the extra ``serve`` installs.

    :raises ServeError: that is not installed
    """
    # At its import, that it does not know the version of bcrypt, in a traceback.
    logging.getLogger("passlib").setLevel(logging.ERROR)
    try:
        from minimirror.serve.server import serve as serve_it  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        raise ServeError(
            f"`minimirror serve` needs {missing}, which is not installed: pip install 'minimirror[serve]'"
        ) from None
    serve_it(config, host=host, port=port, htpasswd=htpasswd, quiet=quiet, verbose=verbose)
