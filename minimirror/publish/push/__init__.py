"""Uploads the mirror's files to another index, over the upload API that twine speaks.

``pushing`` is the push, step by step. ``files`` chooses what to push and ``destination`` finds the index to
push to, with the username and password that ``credentials`` finds. ``comparison`` leaves out the files that
the index already has, ``package`` reads a file's metadata, and ``upload`` sends the file. ``model`` has the
values that these steps share: a file, the result, the errors.
"""

from minimirror.publish.push.destination import find_destination
from minimirror.publish.push.model import PushError, PushInterrupted, PushRequestError, PushResult
from minimirror.publish.push.pushing import push

__all__ = ["PushError", "PushInterrupted", "PushRequestError", "PushResult", "find_destination", "push"]
