"""The static index: ``simple/`` beside the files, which any web server makes an index for pip and uv of.

``pages`` says what is on a page as text, ``content`` finds out what a project's has to say, ``metadata`` what
is beside its wheels, ``own`` knows the files that minimirror did not place, ``folder`` holds the pages,
``publisher`` keeps them true, ``check`` looks whether they are, ``make`` does all of it at once.
"""

from minimirror.simple.folder import SimpleError
from minimirror.simple.publisher import Draft, Publisher, publisher_of

__all__ = ["Draft", "Publisher", "SimpleError", "publisher_of"]
