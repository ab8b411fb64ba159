"""``/browse/``: simple-repository-browser, with our mirror as its source.

``thread`` passes requests to it, and ``application`` puts it together from our parts: the ``pages`` and
their links, the mirror as its ``source``, the index of the ``search``, and ``texts``, which are harmless
whatever an author wrote.
"""

from minimirror.serve.browse.thread import Browser, can_browse

__all__ = ["Browser", "can_browse"]
