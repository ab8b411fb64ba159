"""The simple repository API: one parser and one renderer (PEP 503, 691, 700, 714, 740, 792).

``project_page`` and ``project_list`` parse what an index answers, ``render`` writes our own pages.
"""

from minimirror.simple_api.project_list import Listed, read_html_root, read_json_root
from minimirror.simple_api.project_page import File, Page, PageError, as_serial, read_html, read_json
from minimirror.simple_api.render import Entry, in_order, project_html, project_json, root_html, root_json

__all__ = [
    "Entry",
    "File",
    "Listed",
    "Page",
    "PageError",
    "as_serial",
    "in_order",
    "project_html",
    "project_json",
    "read_html",
    "read_html_root",
    "read_json",
    "read_json_root",
    "root_html",
    "root_json",
]
