"""An index that misbehaves: a table of the ways, one project each.

A row has the project's name, how to set up the index for it, which of its files must be mirrored, and what
the run must report. No other file may be in the folder.
"""

from .content import CONTENT
from .filenames import FILENAMES
from .pages import PAGES
from .stage import Item, Stage
from .transport import TRANSPORT
from .urls import URLS

__all__ = ["TABLE", "Item", "Stage"]

TABLE = (*TRANSPORT, *CONTENT, *FILENAMES, *URLS, *PAGES)
