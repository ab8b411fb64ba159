"""A real package index on loopback, with the content, features and faults that a test chooses.

::

    with Index(formats={"html"}) as index:
        wheel = index.add_wheel("demo", "1.0", requires=["other"])
        index.fault(wheel.filename, Status(503), Truncate(after=100))  # two bad answers, then good ones
        ...
        assert index.files_fetched() == {wheel.filename: 1}
"""

from .faults import (
    Behaviour,
    Body,
    Chunked,
    Drip,
    Gate,
    Headers,
    IgnoreRange,
    Redirect,
    Reset,
    Stall,
    Status,
    Together,
    Truncate,
    WrongBytes,
)
from .index import Index
from .messages import Exchange, Request, Response
from .model import UPLOADED, File, Project
from .script import Rule

__all__ = [
    "UPLOADED",
    "Behaviour",
    "Body",
    "Chunked",
    "Drip",
    "Exchange",
    "File",
    "Gate",
    "Headers",
    "IgnoreRange",
    "Index",
    "Project",
    "Redirect",
    "Request",
    "Reset",
    "Response",
    "Rule",
    "Stall",
    "Status",
    "Together",
    "Truncate",
    "WrongBytes",
]
