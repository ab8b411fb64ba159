"""Uploads what the mirror holds into another index, by the upload API that twine speaks.

``pushing`` reads top to bottom. Below it: what is to be pushed (``holdings``), into which index (``target``,
with ``credentials`` and ``urls``), what is there already (``comparison``), one file to its place
(``upload``, of what ``package`` has read), and what the server says of it (``reason``).
"""

from minimirror.publish.push.errors import PushError, PushRequestError
from minimirror.publish.push.pushing import PushInterrupted, push
from minimirror.publish.push.results import Pushed
from minimirror.publish.push.target import find_target

__all__ = ["PushError", "PushInterrupted", "PushRequestError", "Pushed", "find_target", "push"]
