"""Files of other tools and other kinds, which `requirements` cannot read: what to do with each instead."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

__all__ = ["advice_on"]

_EXPORT = "run `{}` and use the file that it writes"
_CONDA = (
    "conda's packages are not those of a package index; list what pip installs in a requirement file"
    " (`conda list --export` writes conda's packages too)"
)
_BUILD = (
    "only a build can determine its dependencies; state them in [project] of a pyproject.toml, or compile a"
    " requirement file with `uv pip compile {}`"
)
_OTHER_LANGUAGE = "it lists packages of another language"
_ADVICE = {
    "poetry.lock": "poetry's lock; "
    + _EXPORT.format("poetry export -f requirements.txt -o requirements.txt"),
    "pipfile*": "a file of pipenv; " + _EXPORT.format("pipenv requirements > requirements.txt"),
    "pdm.lock": "pdm's lock; " + _EXPORT.format("pdm export -f pylock -o pylock.toml"),
    "setup.cfg": _BUILD.format("setup.cfg"),
    "setup.py": _BUILD.format("setup.py"),
    "pixi.*": "a file of pixi; " + _CONDA,
    "conda-lock.y*ml": _CONDA,
    "environment*.y*ml": _CONDA,
    "meta.yaml": _CONDA,
    "tox.ini": "it lists its requirements for tox alone; move them to a requirement file",
    **dict.fromkeys(("package*.json", "yarn.lock", "pnpm-lock.yaml", "cargo.*"), _OTHER_LANGUAGE),
    **dict.fromkeys(("gemfile*", "go.mod", "go.sum", "composer.*"), _OTHER_LANGUAGE),
    **dict.fromkeys(
        ("*.whl", "*.zip", "*.tar.gz", "*.tgz"),
        "it is a file of packages, not of requirements; put it into the `repository` folder to offer it",
    ),
}
"""What to do, by the name in lower case. The first pattern that matches counts."""

_KINDS = (
    ("a JSON file", re.compile(r"\s*[{\[]\s*(?:[\"}{\]]|$)")),
    ("a YAML file", re.compile(r"---\s|(?:#.*\n|\s)*[A-Za-z_-]+:(?:\s|$)")),
    ("a web page or an XML file", re.compile(r"\s*<[!?A-Za-z]")),
    ("a TOML or INI file", re.compile(r"(?:#.*\n|\s)*\[+[A-Za-z][\w.\" -]*\]+\s*(?:\n|$)")),
    ("a program", re.compile(r"#!|(?:#.*\n|\s)*(?:import|from|def|class) ")),
)
"""Kinds of files, each with how one begins."""

_CONDA_LIST = re.compile(r"^(?:channels:|@EXPLICIT\s*$|[\w.-]+=[\w.!+-]+=\w+\s*$)", re.MULTILINE)
_USE = "use a requirement file, pyproject.toml, pylock.toml or uv.lock"


def advice_on(name: str, data: bytes) -> str | None:
    """Return what a file is and what to do instead; None if it may be a requirement file.

    :param data: its content
    """
    found = next((text for pattern, text in _ADVICE.items() if fnmatchcase(name.lower(), pattern)), None)
    if found:
        return f"not a requirement file: {found}"
    if _is_binary(data):
        return f"not a text file; {_USE}"
    text = data[:65536].decode("utf-8-sig", "replace")
    if _CONDA_LIST.search(text):
        return f"not a requirement file: {_CONDA}"
    kind = next((kind for kind, beginning in _KINDS if beginning.match(text)), None)
    return f"{kind}, not a requirement file; {_USE}" if kind else None


def _is_binary(data: bytes) -> bool:
    # Text in UTF-16 and UTF-32 has zeros too, but begins with a byte order mark.
    return b"\0" in data[:65536] and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
