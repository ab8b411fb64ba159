"""The index server: pages and files for pip and uv, and uploads.

``server`` starts and stops the server. ``app`` routes requests: ``pages`` renders the simple API and
``metadata`` reads core metadata, both from the ``mirror``; ``local_files`` watches the files that minimirror
did not place; ``uploads`` takes files from the users in ``passwords``; ``backend`` lets pypiserver answer the
rest. ``responses`` has the HTTP responses, ``channel`` the connections below them, ``cache`` a cache of
bounded size.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from minimirror._lazy import lazy

if TYPE_CHECKING:
    from minimirror.serve.errors import ServeError
    from minimirror.serve.server import serve

__all__ = ["ServeError", "serve"]

# When imported, passlib logs a traceback because it does not know the version of bcrypt.
logging.getLogger("passlib").setLevel(logging.ERROR)

__getattr__ = lazy(__name__, {"errors": "ServeError", "server": "serve"})
