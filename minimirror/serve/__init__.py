"""The index server: pages and files for pip and uv, and uploads.

``server`` starts and stops Granian, and ``app`` has the table of routes. Around them:

- **Start:** ``opening`` opens the folder or the bucket, a ``mirror``; ``certificate`` checks a certificate.
- **Each request:** ``middleware`` sees it first, and ``proxies`` finds out who asks and where; ``refusals``
  says why it is refused.
- **Installers:** ``pages`` renders the simple API as ``accept`` chooses, ``legacy_json`` the older
  JSON; ``files`` and ``bucket_files`` send files, ``metadata`` reads core metadata from wheels, and
  ``local_files`` knows the files that minimirror did not place.
- **Uploads:** ``uploads`` takes files, in the ``form`` of twine, from the users in ``passwords``.
- **On demand:** ``on_demand`` asks the index for pages, ``fetching`` files, ``arrivals`` sends them while
  they come, ``placing`` keeps them; ``outages`` knows which servers do not answer.
- **People:** ``home`` is the page at ``/``, ``web`` what all such pages look like, ``overview`` the mirror in
  numbers; ``browse/`` lets them search.
- **Counts:** ``usage`` is what clients get and miss, ``metrics`` the page for Prometheus.
- **Caches:** ``cache`` has a bounded size; ``mirror`` says when to make something again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from minimirror.common import lazy

if TYPE_CHECKING:
    from minimirror.serve.errors import ServeError
    from minimirror.serve.server import serve

__all__ = ["ServeError", "serve"]

# When imported, passlib, which libpass replaces, does not know the version of bcrypt and logs a traceback.
logging.getLogger("passlib").setLevel(logging.ERROR)

__getattr__ = lazy(__name__, {"errors": "ServeError", "server": "serve"})
