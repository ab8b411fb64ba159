"""Why a resolution fails: uv's words without its workings, and what minimirror knows besides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from minimirror.common import mask_credentials, printable
from minimirror.resolution.uv.filtered_index import Scope

__all__ = ["explain"]

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_DRAWING = re.compile(r"^[\s\u00d7\u2500-\u257f\u25b6>]*(?:(?:error|cause):\s*)?")
_NOISE = re.compile(
    r"warning: |No solution found|Resolved |Prepared |Using (?:C|P)Python|Building |Built |Updating |\^+$"
)
_TIP = re.compile(r"--no-build|--prerelease|--no-index|--index-strategy|--find-links")
"""Options in the hints of uv that its user here cannot give."""

_FOREIGN = re.compile(r"(?:fetch|download|clone|access)\b[^\n]*?(https?://[^\s`'\")]+)")
_MOST = 60
"""Lines of an explanation that are told."""


def explain(said: str, scope: Scope, replace: Mapping[str, str], index_url: str) -> str:
    """What a user should know of a resolution that failed, in lines.

    :param said: uv's standard error
    :param replace: texts that mean something to minimirror alone, and what to say instead
    :param index_url: the index's, without credentials
    """
    if scope.failures:
        # What uv makes of them is only that there was an error.
        return "\n".join(map(printable, list(scope.failures.values())))
    lines = list(_cleaned(said, replace))
    text = "\n".join(lines)
    if any(not url.startswith(index_url) for url in _FOREIGN.findall(text)):
        lines.append(
            "Only the configured index is asked: take other indexes, URLs and paths out of the input."
        )
    return "\n".join([*lines[:_MOST], *_hints(text, scope)])


def _cleaned(said: str, replace: Mapping[str, str]) -> Iterator[str]:
    for raw in said.splitlines():
        line = _DRAWING.sub("", _ANSI.sub("", raw)).rstrip()
        for text, other in replace.items():
            line = line.replace(text, other)
        if line and not _NOISE.match(line) and not _TIP.search(line):
            yield printable(mask_credentials(line))


def _hints(text: str, scope: Scope) -> Iterator[str]:
    """What uv cannot know: what was not shown to it, and what may be done.

    Where uv was ended, the scope may still grow: nothing iterates over it directly.
    """

    def named(project: str) -> bool:
        return re.search(rf"(?<![\w.-]){re.escape(project)}(?![\w-])", text) is not None

    for project in filter(named, sorted(scope.excluded)):
        yield f"{project} is not mirrored: `exclude_projects` refuses it."
    for project in filter(named, sorted(scope.emptied)):
        yield f"{scope.emptied[project]}."
    for (project, version), why in scope.hidden.items():
        yield f"{project} {version} is held back: {why}."
    for filename, why in list(scope.broken.items()):
        yield f"{filename} cannot be used: {why}."
    if not scope.terms.build:
        for project in filter(named, sorted(scope.without_wheels())):
            yield (
                f'{project} has a release without a wheel for {scope.target}: `"build": true` allows uv to'
                " build it, which runs its code on this machine."
            )
