"""The simple repository API: one parser and one renderer (PEP 503, 691, 700, 714, 740, 792).

``project_page`` and ``project_list`` read the pages of an index, ``render`` writes minimirror's own, and
``protocol`` has what both need: media types, API versions, project statuses.
"""

from minimirror.simple_api.project_list import Listed, read_root
from minimirror.simple_api.project_page import File, Page, read_page
from minimirror.simple_api.protocol import (
    ACCEPT,
    ACTIVE,
    HTML_TYPE,
    JSON_TYPE,
    QUARANTINED,
    LinksPageError,
    PageError,
    ProjectStatus,
    parse_serial,
)
from minimirror.simple_api.render import Entry, in_order, project_html, project_json, root_html, root_json

__all__ = [
    "ACCEPT",
    "ACTIVE",
    "HTML_TYPE",
    "JSON_TYPE",
    "QUARANTINED",
    "Entry",
    "File",
    "LinksPageError",
    "Listed",
    "Page",
    "PageError",
    "ProjectStatus",
    "in_order",
    "parse_serial",
    "project_html",
    "project_json",
    "read_page",
    "read_root",
    "root_html",
    "root_json",
]
