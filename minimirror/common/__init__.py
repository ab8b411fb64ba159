"""What every room may use: errors, formatting, hashing, signals, and what a run reports.

Nothing else moves in here: what only one room needs lives there.
"""

from minimirror.common.errors import MinimirrorError
from minimirror.common.formatting import format_duration, format_size, format_time, printable
from minimirror.common.hashing import BUFFER, Digests, DigestsBehind, Sink
from minimirror.common.report import Failure, Status, Summary
from minimirror.common.signals import defer_signals
from minimirror.common.wording import mask_credentials, nearest, quoted

__all__ = [
    "BUFFER",
    "Digests",
    "DigestsBehind",
    "Failure",
    "MinimirrorError",
    "Sink",
    "Status",
    "Summary",
    "defer_signals",
    "format_duration",
    "format_size",
    "format_time",
    "mask_credentials",
    "nearest",
    "printable",
    "quoted",
]
