"""The static index: ``simple/`` beside the files, which any web server makes an index for pip and uv of.

``pages`` says what is on a page as text, ``content`` finds out what a project's has to say, ``metadata`` what
is beside its wheels, ``own`` knows the files that minimirror did not place, ``folder`` holds the pages,
``publisher`` keeps them true, ``check`` looks whether they are, ``make`` does all of it at once.
"""

from minimirror.publish.static.check import wrong_metadata, wrong_pages
from minimirror.publish.static.folder import Folder, SimpleError
from minimirror.publish.static.make import Made, make_index, remove_index
from minimirror.publish.static.metadata import SUFFIX
from minimirror.publish.static.publisher import Draft, Publisher, publisher_of

__all__ = [
    "SUFFIX",
    "Draft",
    "Folder",
    "Made",
    "Publisher",
    "SimpleError",
    "make_index",
    "publisher_of",
    "remove_index",
    "wrong_metadata",
    "wrong_pages",
]
