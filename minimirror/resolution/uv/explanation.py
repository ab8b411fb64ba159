"""Explain why a resolution failed: uv's message without its details, and hints that uv cannot give."""

from __future__ import annotations

import re
from collections.abc import Iterator

from minimirror.common import mask_credentials, printable
from minimirror.resolution.uv.filtered_index import FilteredIndex

__all__ = ["explain"]

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_DRAWING = re.compile(r"^[\s\u00d7\u2500-\u257f\u25b6>]*(?:(?:error|cause):\s*)?")
_NOISE = re.compile(
    r"warning: |No solution found|Resolved |Prepared |Using (?:C|P)Python|Building |Built |Updating |\^+$"
)
_TIP = re.compile(r"--no-build|--prerelease|--no-index|--index-strategy|--find-links")
"""Options that uv suggests, but that the user cannot pass here."""

_ADDRESS = re.compile(r"(?:fetch|download|clone|access)\b[^\n]*?(https?://[^\s`'\")]+)")
_MAX_LINES = 60


def explain(output: str, shown: FilteredIndex, index_url: str) -> str:
    """Explain a failed resolution to the user, in lines of text.

    :param output: uv's standard error
    :param shown: the index as uv saw it
    :param index_url: the index's URL, without credentials
    """
    if shown.failures:
        # uv only reports an HTTP error for these.
        return "\n".join(map(printable, list(shown.failures.values())))
    lines = list(_clean_lines(output))
    text = "\n".join(lines)
    if any(not url.startswith(index_url) for url in _ADDRESS.findall(text)):
        lines.append(
            "Only the configured index is used: remove other indexes, URLs and paths from the requirements."
        )
    return "\n".join([*lines[:_MAX_LINES], *_hints(text, shown)])


def _clean_lines(output: str) -> Iterator[str]:
    for raw in output.splitlines():
        line = _DRAWING.sub("", _ANSI.sub("", raw)).rstrip()
        if line and not _NOISE.match(line) and not _TIP.search(line):
            yield printable(mask_credentials(line))


def _hints(text: str, shown: FilteredIndex) -> Iterator[str]:
    """Name what uv was not shown, and what the user can do.

    If uv was stopped, requests may still be running, so this iterates over copies.
    """

    def named(project: str) -> bool:
        return re.search(rf"(?<![\w.-]){re.escape(project)}(?![\w-])", text) is not None

    yield from (hint for hint, project in sorted(shown.hints.items()) if named(project))
    for (project, version), why in shown.hidden.items():
        yield f"{project} {version} is excluded: {why}."
    if not shown.policy.build:
        for project in filter(named, sorted(shown.without_wheels)):
            yield (
                f'{project} has a release without a wheel for {shown.target}: with `"build": true`, uv builds'
                " it, which runs its code on this machine."
            )
