"""The static index: ``simple/`` beside the files, which any web server can serve to pip and uv.

``content`` finds the content of a project's page, and ``wheel_metadata`` the metadata files of its wheels.
``pages`` has the pages, in a folder or a bucket. ``index`` keeps them up to date during a run,
``build`` builds or removes all of them, and ``check`` verifies them.
"""

from minimirror.publish.static.build import BuiltIndex, build_index, remove_index
from minimirror.publish.static.check import wrong_metadata, wrong_pages
from minimirror.publish.static.content import local_entries, local_entry, page_entry
from minimirror.publish.static.index import StaticIndex, open_static_index
from minimirror.publish.static.pages import SimpleError, open_pages
from minimirror.publish.static.wheel_metadata import SUFFIX

__all__ = [
    "SUFFIX",
    "BuiltIndex",
    "SimpleError",
    "StaticIndex",
    "build_index",
    "local_entries",
    "local_entry",
    "open_pages",
    "open_static_index",
    "page_entry",
    "remove_index",
    "wrong_metadata",
    "wrong_pages",
]
