"""What every subpackage may use.

``errors`` has the base of all errors; ``extras`` says how to install what is optional; ``files`` opens files
without following links, and replaces them; ``formatting`` prints sizes, times, lists and quoted values for
people; ``hashing`` computes and compares digests; ``hosts`` encodes host names; ``lazy_imports`` imports
names when they are first used; ``signals`` has what SIGTERM and Ctrl-C do, and when; ``report`` has the
progress and the summary of a run. Code that only one subpackage needs lives there.
"""

from minimirror.common.errors import MinimirrorError, is_disk_full
from minimirror.common.extras import missing_extra
from minimirror.common.files import (
    StoredFile,
    StoredObject,
    is_foreign_link,
    is_link,
    open_regular,
    refuse_link,
    replacing,
)
from minimirror.common.formatting import (
    counted,
    did_you_mean,
    either,
    format_duration,
    format_size,
    format_time,
    mask_credentials,
    nearest,
    printable,
    quoted,
    shorten,
)
from minimirror.common.hashing import (
    BUFFER,
    KNOWN_ALGORITHMS,
    Digests,
    ThreadedDigests,
    has_sha256,
    hash_file,
)
from minimirror.common.hosts import ascii_netloc
from minimirror.common.lazy_imports import lazy
from minimirror.common.report import Failure, ProgressCallback, Status, Summary
from minimirror.common.signals import Interrupts, defer_signals

__all__ = [
    "BUFFER",
    "KNOWN_ALGORITHMS",
    "Digests",
    "Failure",
    "Interrupts",
    "MinimirrorError",
    "ProgressCallback",
    "Status",
    "StoredFile",
    "StoredObject",
    "Summary",
    "ThreadedDigests",
    "ascii_netloc",
    "counted",
    "defer_signals",
    "did_you_mean",
    "either",
    "format_duration",
    "format_size",
    "format_time",
    "has_sha256",
    "hash_file",
    "is_disk_full",
    "is_foreign_link",
    "is_link",
    "lazy",
    "mask_credentials",
    "missing_extra",
    "nearest",
    "open_regular",
    "printable",
    "quoted",
    "refuse_link",
    "replacing",
    "shorten",
]
