"""What standard output can show: its width, characters and colours."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from dataclasses import dataclass

import click

__all__ = ["Screen", "broken"]

_WHOLE = re.compile(r"`[^`]*`|[(]?\d(?:[\d.,]*\d)? [\w/]+\b")
"""What stays in one line: a command, so that it can be copied, and a number with its unit."""

_FIRM = "\N{NO-BREAK SPACE}"
_LABEL = re.compile(r"  (?:[a-z_]+(?: [a-z]+)? {2,})+")
"""What comes before the value in a line: ``  files     ``, ``  yes  targets   ``."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A place where people read. By default a pipe, whose lines have any length."""

    width: int = sys.maxsize
    unicode: bool = True
    colour: bool = False

    @classmethod
    def of_stdout(cls) -> Screen:
        """Return what standard output is."""
        terminal, environ = sys.stdout.isatty(), os.environ
        term = environ.get("TERM", "")
        locale = next((environ[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(key)), "")
        # Python writes UTF-8 in the C locale, too, where the terminal may not show it.
        unicode = "utf" in (locale or "utf" * (os.name == "nt")).lower() and term not in {"dumb", "linux"}
        return cls(
            width=shutil.get_terminal_size().columns if terminal else sys.maxsize,
            unicode=unicode and "utf" in (sys.stdout.encoding or "").lower(),
            colour=terminal and term != "dumb" and not environ.get("NO_COLOR"),
        )

    def styled(self, text: str, colour: str) -> str:
        """Return the text in a colour, if there are colours, in lines of the screen's width."""
        if not self.colour:
            return text
        return "\n".join(click.style(line, fg=colour) for line in broken(text, self.width))


def broken(line: str, width: int) -> list[str]:
    """Return a line in several that are not longer than the width, as far as its words are not.

    They begin below the line's value (``  files     VALUE``), or are indented a little.
    """
    if len(line) <= width or not line.isprintable():
        return [line]
    line = _WHOLE.sub(lambda whole: whole[0].replace(" ", _FIRM), line)
    label = _LABEL.match(line)
    indent = len(label[0]) if label else width
    if indent > width // 2 or indent + max(map(len, line.split(" "))) > width:
        indent = len(line) - len(line.lstrip()) + 2
    lines = textwrap.wrap(
        line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    return [each.replace(_FIRM, " ") for each in lines]
