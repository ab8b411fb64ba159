"""An index that misbehaves: a table of all that it may do, one project each.

Each row says what the project is called, how the index is set up for it, which of its files are to be
mirrored, and what the run is to say of it. Whatever is not to be mirrored must not be in the folder.
"""

from .content import CONTENT
from .filenames import FILENAMES
from .pages import PAGES
from .stage import Item, Stage
from .transport import TRANSPORT
from .urls import URLS

__all__ = ["TABLE", "Item", "Stage"]

TABLE = (*TRANSPORT, *CONTENT, *FILENAMES, *URLS, *PAGES)
