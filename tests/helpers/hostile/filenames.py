"""Bad filenames on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .stage import Item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .stage import SetUp, Stage

__all__ = ["FILENAMES"]

EVIL = b"evil"
LONGEST = 246


def named(filename: str) -> SetUp:
    """A file with that name, beside a good one; ``{0}`` is the project, ``{1}`` a folder outside."""

    def set_up(stage: Stage) -> Mapping[str, bytes]:
        name = filename.format(stage.project.replace("-", "_"), stage.outside)
        stage.index.add(stage.project, name, EVIL, version="1.0")
        return stage.sdist()

    return set_up


def _refused(project: str, filename: str, *, shown: str = "", cause: str = ".*distribution filename") -> Item:
    return Item(project, named(filename), rf"refused entry '{shown}.*: {cause}$", lasting=True)


def _longest(stage: Stage) -> Mapping[str, bytes]:
    start = f"{stage.project.replace('-', '_')}-"
    name = f"{start}{'1' * (LONGEST - len(start) - len('.tar.gz'))}.tar.gz"
    stage.index.add(stage.project, name, b"fine")
    return {name: b"fine"}


def _in_case(stage: Stage) -> Mapping[str, bytes]:
    name = f"{stage.project.replace('-', '_')}-1.0.tar.gz"
    stage.index.add(stage.project, name, b"fine")
    stage.index.add(stage.project, name.replace("other_case", "Other_Case"), EVIL)
    return {name: b"fine"}


def _twice(stage: Stage) -> Mapping[str, bytes]:
    file = stage.wheel()
    stage.index.add(stage.project, file.filename, file.content, beside=True)
    return {file.filename: file.content}


def _two(stage: Stage) -> Mapping[str, bytes]:
    file = stage.wheel()
    stage.index.add(stage.project, file.filename, EVIL, beside=True)
    return stage.sdist()


def _harmless(stage: Stage) -> Mapping[str, bytes]:
    start = stage.project.replace("-", "_")
    for name in (f"{start}-1.0.deb", f"{start}-1.0.tar.gz.asc", "README.txt", f"{start}-1.0-x.whl"):
        stage.index.add(stage.project, name, b"left over")
    return stage.sdist()


def _hundreds(stage: Stage) -> Mapping[str, bytes]:
    for number in range(500):
        stage.index.add(stage.project, f"../{number}.tar.gz", EVIL)
    return stage.sdist()


def _of_other(stage: Stage) -> Mapping[str, bytes]:
    """A newer release of a good project, on the page of another one."""
    stage.index.add(stage.project, "good_0-9.0-py3-none-any.whl", EVIL)
    return stage.sdist()


def _percent_encoded(stage: Stage) -> Mapping[str, bytes]:
    """A URL of a good name with more percent-encoding than needed."""
    file = stage.wheel()
    url = stage.index.file_url(file).replace("-", "%2D").replace(".whl", "%2ewhl")
    stage.wheel(url=url)
    return {file.filename: file.content}


FILENAMES = (
    _refused("parent-folder", "../{0}-1.0.tar.gz", shown=r"\.\./"),
    _refused("parent-folders", "../../../../{0}-1.0.tar.gz"),
    _refused("own-folder", ".minimirror/catalog.sqlite"),
    _refused("sub-folder", "sub/{0}-1.0.tar.gz"),
    _refused("dots", ".."),
    _refused("absolute", "{1}/{0}-1.0.tar.gz"),
    _refused("back-slash", "..\\{0}-1.0.tar.gz", shown=r"\.\.\\\\"),
    _refused("drive", "C:{0}-1.0.tar.gz"),
    _refused("nul", "{0}-1.0\0.tar.gz"),
    _refused("newline", "{0}-1.0.tar.gz\nfailed: good-0", shown=r".*\\nfailed"),
    _refused("carriage-return", "{0}-1.0\r.tar.gz"),
    _refused("escape", "{0}-1.0\x1b[2J\x1b]0;owned\x07.tar.gz", shown=r".*\\x1b\[2J"),
    _refused("control-c1", "{0}-1.0\x9b2J.tar.gz"),
    _refused("leading-dot", ".{0}-1.0.tar.gz"),
    _refused("leading-hyphen", "--{0}-1.0.tar.gz"),
    _refused("space", "{0} 1.0.tar.gz"),
    Item("empty-name", named(""), r"refused entry '': ", forms=("json",), lasting=True),
    Item("empty-link", named(""), forms=("html",)),
    _refused("too-long", "{0}-" + "1" * 300 + ".tar.gz", cause=r".*246 bytes"),
    _refused("far-too-long", "{0}-" + "1" * 30_000 + ".tar.gz", cause=r".*246 bytes"),
    _refused(
        "many-tags",
        f"{{0}}-1.0-{'.'.join('a' * 40)}-{'.'.join('b' * 40)}-{'.'.join('c' * 25)}.whl",
        cause=".*1000 combinations of tags",
    ),
    Item("longest", _longest),
    _refused("cyrillic", "cyrilli\N{CYRILLIC SMALL LETTER ES}-1.0.tar.gz", shown=r"cyrilli\\u0441"),
    _refused("fullwidth", "{0}-\N{FULLWIDTH DIGIT ONE}.0.tar.gz"),
    _refused("hyphen-alike", "{0}\N{HYPHEN}1.0.tar.gz"),
    _refused("slash-alike", "..\N{DIVISION SLASH}{0}-1.0.tar.gz"),
    _refused("right-to-left", "{0}-1.0\N{RIGHT-TO-LEFT OVERRIDE}zg.rat.tar.gz", shown=r".*\\u202e"),
    _refused("zero-width", "{0}-1.0\N{ZERO WIDTH SPACE}.tar.gz"),
    _refused("percent", "%2e%2e%2f{0}-1.0.tar.gz", shown="%2e%2e%2f"),
    Item("percent-in-url", _percent_encoded),
    Item(
        "other-case",
        _in_case,
        r"'Other_Case-1\.0\.tar\.gz': .*only in case",
        lasting=True,
    ),
    # Another project's files cost their entries, and are noted.
    Item("of-another-project", _of_other),
    Item("of-another-by-prefix", named("{0}-more-9.0.tar.gz")),
    Item("another-archive", named("good_0-9.0.tar.gz")),
    Item("taken-for-2", named("taken-for-2-99.tar.gz")),
    Item("listed-twice", _twice),
    Item(
        "two-of-one-name",
        _two,
        r"'two_of_one_name-1\.0-.*: .*two different files",
        lasting=True,
    ),
    Item("harmless-leftovers", _harmless),
    Item("hundreds", _hundreds, r"(refused entry '\.\./\d+\.tar\.gz'|and 480 more)", lasting=True),
)
