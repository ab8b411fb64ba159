"""The documentation: links lead somewhere, lines are short, examples and commands are valid."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from minimirror.cli import main
from minimirror.config import check
from minimirror.selection import RULES
from tests.helpers.running import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 120
README_LINES = 150

PAGES = sorted(
    path.relative_to(SOURCES).as_posix()
    for folder in (".", "bench", "contrib", "docs")
    for path in (SOURCES / folder).glob("*.md")
)
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text_of(page: str) -> str:
    return (SOURCES / page).read_text("utf-8")


def blocks(page: str, *languages: str) -> list[str]:
    """Return the page's fenced blocks in these languages."""
    return [body for language, body in FENCED.findall(text_of(page)) if language in languages]


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", text_of(page)), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        anchor = base = plain.replace(" ", "-")
        number = 0
        while anchor in found:
            number += 1
            anchor = f"{base}-{number}"
        found.add(anchor)
    return found


def test_there_are_pages() -> None:
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/README.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_to_a_file_and_a_heading(page: str) -> None:
    broken = []
    for link in LINK.findall(FENCED.sub("", text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (SOURCES / page).parent / path if path else SOURCES / page
        exists = target.exists()
        if not exists or (anchor and anchor not in anchors(target.resolve().relative_to(SOURCES).as_posix())):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES)
def test_lines_are_short(page: str) -> None:
    """A table's row has to be one line, however long."""
    lines = enumerate(text_of(page).splitlines(), 1)
    assert not [number for number, line in lines if len(line) > WIDTH and not line.startswith("|")]


def test_the_readme_is_short() -> None:
    lines = text_of("README.md").splitlines()
    assert len(lines) <= README_LINES
    assert max(map(len, lines)) <= WIDTH


def test_the_index_of_the_documentation_names_every_page() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(text_of("docs/README.md"))}
    assert linked >= {Path(page).name for page in PAGES if page.startswith("docs/")} - {"README.md"}


@pytest.mark.parametrize("page", PAGES)
def test_example_configs_are_valid(page: str, tmp_path: Path) -> None:
    for example in blocks(page, "json"):
        if '"repository"' in example:
            check(example, tmp_path / "minirepo.json")


def command_lines(page: str) -> Iterator[list[str]]:
    """Yield the arguments of each `minimirror` command line that a page shows."""
    for block in blocks(page, "sh", "console"):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:1] == ["minimirror"]:
                ends = [at for at, word in enumerate(words) if word in {"|", "&", ">", "&&"}]
                yield words[1 : min(ends, default=len(words))]


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_the_options_that_are_shown(page: str) -> None:
    for words in command_lines(page):
        command: click.Command = main
        rest = words
        while isinstance(command, click.Group):
            found = command.commands.get(rest[0])
            assert found is not None, f"no command: minimirror {shlex.join(words)}"
            command, rest = found, rest[1:]
        context = click.Context(command, info_name=command.name)
        # Raises an error that names an unknown option.
        command.make_parser(context).parse_args(list(rest))


def test_rules_are_listed_in_their_order() -> None:
    section = text_of("docs/selection.md").partition("## The order of the rules")[2].partition("\n## ")[0]
    listed = re.search(r"^1\. .*?\n\n", section, re.DOTALL | re.MULTILINE)
    assert listed
    # The rule of filenames has no key.
    assert re.findall(r"`(\w+)`", listed[0]) == [rule for rule in RULES if rule != "filename"]


def test_every_command_is_documented() -> None:
    """In the table at the top of docs/commands.md, or under the heading for the config."""
    text = text_of("docs/commands.md")
    assert not [name for name in main.commands if f"`{name}" not in text]
    config = main.commands["config"]
    assert isinstance(config, click.Group)
    assert not [name for name in config.commands if f"`minimirror config {name}" not in text]


def test_every_option_is_documented() -> None:
    config = main.commands["config"]
    assert isinstance(config, click.Group)
    options = {
        option
        for command in (*main.commands.values(), *config.commands.values())
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
    text = text_of("docs/commands.md")
    assert not [option for option in sorted(options) if not re.search(rf"`{option}[` ]", text)]
