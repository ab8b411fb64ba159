"""The simple repository API: one parser and one renderer (PEP 503, 691, 700, 714, 740, 792).

``project_page`` and ``project_list`` read the pages of an index; ``json_text`` reads their JSON value by
value, ``web_page`` reads their HTML and refuses other web pages, ``link_reader`` finds the links of a
project's page, and ``entry_values`` checks what an entry says. ``render`` writes minimirror's own pages, and
``protocol`` has what all need: media types, API versions, project statuses.

A page of a few kilobytes, compressed, could cost gigabytes of memory or hours of work. So everything in it
has a bound, a constant beside the code that reads it: a tag and the tags of a page, a value of JSON, the
files and the unreadable entries of a page, the digests and the ``requires-python`` of a file, the name of a
project. What exceeds it costs the entry or the page, and raises :exc:`PageError`.
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
    OtherPageError,
    PageError,
    ProjectStatus,
    parse_serial,
)
from minimirror.simple_api.render import (
    Entry,
    file_list,
    in_order,
    project_html,
    project_json,
    root_html,
    root_json,
    upload_time,
)

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
    "OtherPageError",
    "Page",
    "PageError",
    "ProjectStatus",
    "file_list",
    "in_order",
    "parse_serial",
    "project_html",
    "project_json",
    "read_page",
    "read_root",
    "root_html",
    "root_json",
    "upload_time",
]
