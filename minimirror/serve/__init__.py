"""The index server: pages and files for pip and uv, and a place for uploads.

``server`` runs, ``app`` says who answers what: ``pages`` and ``metadata`` from the catalog and the folder,
``own`` for what minimirror did not place, ``uploads`` with ``passwords``, and ``backend`` has pypiserver do
the rest. ``answer`` is the HTTP that they share, ``channel`` the connection below it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from minimirror._lazy import lazy

if TYPE_CHECKING:
    from minimirror.serve.errors import ServeError
    from minimirror.serve.server import serve

__all__ = ["ServeError", "serve"]

# At its import, passlib complains that it does not know the version of bcrypt, in a traceback.
logging.getLogger("passlib").setLevel(logging.ERROR)

__getattr__ = lazy(__name__, {"errors": "ServeError", "server": "serve"})
