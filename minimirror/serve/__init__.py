"""The index server: pages and files for pip and uv, and uploads.

``server`` starts and stops Granian. ``opening`` opens the folder or the bucket; ``certificate`` checks that a
certificate can be used. ``edge`` is what each request passes first, with what ``proxies`` say of it, and
``app`` has the one table of routes: ``pages`` renders the simple API in the form that ``accept`` chooses,
``legacy_json`` the older JSON, ``files`` sends files and ``metadata``, all from the ``mirror``, and
``bucket_files`` sends those of a bucket; ``local_files`` knows the files that minimirror did not place.
``uploads`` takes files, in the ``form`` of twine, from the users in ``passwords``. ``on_demand`` asks the
index for what is not here, ``fetching`` gets its files, ``arrivals`` sends them while they come, ``placing``
places them, ``outages`` knows which servers do not answer,
and ``usage`` counts what clients get and miss. People see ``home``, the page at ``/``, and
search in ``browse/``; ``web`` is what pages have in common, ``refusals`` says why a request is refused, and
``metrics`` is the page for Prometheus, from the ``overview`` of the mirror. ``cache`` is a cache of bounded
size, and ``latest`` keeps what is made from the whole mirror until that changes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from minimirror._lazy import lazy

if TYPE_CHECKING:
    from minimirror.serve.errors import ServeError
    from minimirror.serve.server import serve

__all__ = ["ServeError", "serve"]

# When imported, passlib, which libpass replaces, does not know the version of bcrypt and logs a traceback.
logging.getLogger("passlib").setLevel(logging.ERROR)

__getattr__ = lazy(__name__, {"errors": "ServeError", "server": "serve"})
