"""What the config's keys may hold: each kind of value read, put into one form, or refused in a sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from minimirror.config.wording import quoted
from minimirror.package_types import PackageType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Count",
    "Extension",
    "Folder",
    "IndexUrl",
    "NameOrGlob",
    "PackageType",
    "Project",
    "Rate",
    "Releases",
    "Retries",
    "Seconds",
    "Share",
    "Word",
    "default_connections",
    "default_index_url",
    "default_processes",
    "unique",
    "unique_some",
]

# Of the whole run, where nothing is configured: polite to the index.
_MOST_CONNECTIONS = 32

# PEP 508, "Names"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# fnmatch: *, ?, [seq] and [!seq], among the characters of a name
_GLOB = r"(?:[A-Za-z0-9._*?-]|\[!?[A-Za-z0-9._-]+\])+"
# "requests[socks]" is a glob to the letter, but nobody means it so
_WITH_EXTRAS = rf"{_NAME}\s*\[[A-Za-z0-9._,\s-]*\]"


def _folder(value: object, info: ValidationInfo) -> Path:
    """Return an absolute path; a relative one starts at the context's ``folder``, else where we are."""
    try:
        text = os.fsdecode(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError('must be a folder in double quotes, such as "~/minirepo"') from None
    if not text.strip() or "\0" in text:
        raise ValueError('must name a folder, such as "~/minirepo"')
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"{quoted(text)} starts at the home of a user whom this machine does not know"
        ) from None
    folder = (info.context or {}).get("folder") or Path.cwd()
    return Path(os.path.abspath(folder / path))  # noqa: PTH100 - pathlib's resolve() would read the disk


def _whole_number(most: int | None = None, least: int = 1) -> Callable[[object], int]:
    """Return the validator of a whole number of at least 1, which may also be written as a string."""
    wanted = f"of at least {least}" if most is None else f"from {least} to {most}"

    def validate(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= (most or value):
            raise ValueError(f"must be a whole number {wanted}")
        return value

    return validate


def _number(least: float, most: float, sentence: str) -> Callable[[object], float]:
    """Return the validator of a number, which may also be written as a string."""

    def validate(value: object) -> float:
        if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,12})?\s*", value):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"must be {sentence}")
        return float(value)

    return validate


def _share(value: object) -> float:
    """Return a share from 0 to 1, which may also be written as ``"10%"``."""
    if isinstance(value, str) and (percent := re.fullmatch(r"\s*([0-9]{1,3}(\.[0-9]{1,6})?)\s*%\s*", value)):
        value = float(percent[1]) / 100
    return _number(0, 1, 'a share from 0 to 1, or a percentage such as "10%"')(value)


def _releases(value: object) -> int | Literal["all"]:
    """Return a whole number of at least 1, or ``"all"``."""
    if isinstance(value, str) and value.strip().lower() == "all":
        return "all"
    try:
        return _whole_number()(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "all"') from None


def _index_url(value: object) -> str:
    """Return the URL, ending in ``/``. No message repeats it: it may hold a password."""
    url = value.strip() if isinstance(value, str) else ""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError("must be a URL without spaces")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "is not a URL: look at its host and port, and write / @ : in a password as %2F %40 %3A"
        ) from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError('must be a URL that starts with "https://" or "http://"')
    if not host:
        raise ValueError('names no host, as in "https://index.example.org/simple/"')
    if "?" in url or "#" in url:
        raise ValueError('must end with its path, such as "/simple/": leave out "?" and "#" and what follows')
    return url if url.endswith("/") else url + "/"


def _word(value: str) -> str:
    """Return a text without the spaces around it, which is not empty."""
    if not value.strip():
        raise ValueError("is empty: write something between the quotes, or take it out")
    return value.strip()


def _extension(value: str) -> str:
    """Return a last extension in lower case, without its dot."""
    extension = value.strip().removeprefix(".")
    last = extension.rpartition(".")[2].lower()
    if re.fullmatch(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)+", extension):
        raise ValueError(f'only the last extension of a filename counts: write "{last}" for {quoted(value)}')
    if not re.fullmatch(r"[A-Za-z0-9]+", extension):
        raise ValueError(f'{quoted(value)} is not an extension such as "whl" or "gz"')
    return last


def _is_name_or_glob(text: str) -> bool:
    if re.fullmatch(_NAME, text):
        return True
    return bool(
        re.fullmatch(_GLOB, text) and re.search(r"[*?[]", text) and not re.fullmatch(_WITH_EXTRAS, text)
    )


def _name_or_glob(value: str) -> str:
    """Return the name or the glob of projects."""
    if not _is_name_or_glob(value.strip()):
        raise ValueError(f'{quoted(value)} is neither a project\'s name nor a glob such as "*-nightly"')
    return value.strip()


def _project(value: str) -> str:
    """Return the name, the glob or the requirement of projects."""
    text = value.strip()
    if not _is_name_or_glob(text):
        _check_requirement(text)
    return text


def _check_requirement(text: str) -> None:
    """Raise ValueError where the text is not a name with, maybe, versions."""
    # Names and globs, all that most configs have, do without it.
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    if "@" in text:
        raise ValueError(f"{quoted(text)} asks for a URL: write the project's name alone")
    if ";" in text:
        raise ValueError(f'{quoted(text)} has a marker: leave out ";" and what follows')
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise ValueError(
            f'{quoted(text)} is neither a project\'s name, nor a glob such as "django-*", '
            'nor a requirement such as "numpy>=2,<3"'
        ) from None
    if requirement.extras or "[" in text:
        plain = f"{requirement.name}{requirement.specifier}"
        raise ValueError(
            f"{quoted(text)} asks for extras, which name dependencies and no files: write {quoted(plain)}"
        )


def unique(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values in their order, each once."""
    return tuple(dict.fromkeys(values))


def unique_some(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the values in their order, each once, of which there is at least one."""
    if values is not None and not values:
        raise ValueError("is an empty list, which keeps nothing: fill it, or leave the key out to keep all")
    return unique(values or ()) or None


def default_processes() -> int:
    """Return how many CPUs this process may use, at most 32, so that each has a connection of its own."""
    known = hasattr(os, "sched_getaffinity")
    usable = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return min(usable, _MOST_CONNECTIONS)


def default_connections(data: dict[str, Any]) -> int:
    """Return each process's share of the connections, of a config whose ``processes`` are known."""
    # Missing where they are wrong, which is said elsewhere.
    processes: int = data.get("processes", 1)
    return max(1, _MOST_CONNECTIONS // processes)


def default_index_url() -> str:
    """Return PyPI's."""
    # Importing it costs more than all the rest of reading a config, which may well name another index.
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415

    return _index_url(PYPI_SIMPLE_ENDPOINT)


def _number_schema(most: int | None, *others: dict[str, Any]) -> WithJsonSchema:
    number = {"type": "integer", "minimum": 1} | ({} if most is None else {"maximum": most})
    return WithJsonSchema(
        {"anyOf": [number, {"type": "string", "pattern": r"^\s*0*[1-9][0-9]*\s*$"}, *others]}
    )


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


# minirepo wrote the machine's number of CPUs, and machines grow.
_MOST_COUNT = 512

_MOST_SECONDS = 7 * 86400.0
_NUMBER = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\s*[0-9.]+\s*%?\s*$"}]
}

Folder = Annotated[Path, PlainValidator(_folder), _text(r"\S")]
Count = Annotated[int, PlainValidator(_whole_number(_MOST_COUNT)), _number_schema(_MOST_COUNT)]
Retries = Annotated[int, PlainValidator(_whole_number(100, least=0)), WithJsonSchema(_NUMBER)]
Seconds = Annotated[
    float,
    PlainValidator(_number(0.1, _MOST_SECONDS, "a number of seconds, from 0.1 to a week's 604800")),
    WithJsonSchema(_NUMBER),
]
Rate = Annotated[
    float, PlainValidator(_number(0, 1e12, "a number of bytes a second, or 0")), WithJsonSchema(_NUMBER)
]
Share = Annotated[float, PlainValidator(_share), WithJsonSchema(_NUMBER)]
Releases = Annotated[
    int | Literal["all"],
    BeforeValidator(_releases),
    _number_schema(None, {"type": "string", "pattern": r"^\s*[Aa][Ll][Ll]\s*$", "examples": ["all"]}),
]
IndexUrl = Annotated[str, PlainValidator(_index_url), _text(r"^\s*[Hh][Tt][Tt][Pp][Ss]?://[^\s?#]+\s*$")]
Word = Annotated[str, AfterValidator(_word), _text(r"\S")]
Extension = Annotated[str, AfterValidator(_extension), _text(r"^\s*\.?[A-Za-z0-9]+\s*$")]
NameOrGlob = Annotated[str, AfterValidator(_name_or_glob), _text(r"^\s*[A-Za-z0-9._*?\[\]!-]+\s*$")]
Project = Annotated[str, AfterValidator(_project), _text(r"^\s*[A-Za-z0-9._*?\[-][^@;]*$")]
