"""Words of the config: items of its lists, and those of which one is to be chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from minimirror.common import nearest, quoted
from minimirror.distributions import PackageType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Closure", "Extension", "KnownType", "Status", "Vulnerable", "Word", "unique", "unique_some"]

_Item = TypeVar("_Item")


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


def _one_of(known: tuple[str, ...], kind: str, plural: str) -> Callable[[object], object]:
    """Return the validator of a word that has to be one of the known."""

    def validate(value: object) -> object:
        if value in known:
            return value
        near = nearest(value, known) if isinstance(value, str) else ""
        shown = f" {quoted(value)}" if isinstance(value, str) else ""
        raise ValueError(f"unknown {kind}{shown}" + (near or f"; the {plural} are {', '.join(known)}"))

    return validate


def unique(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Return the values in their order, each once."""
    return tuple(dict.fromkeys(values))


def unique_some(values: tuple[_Item, ...] | None) -> tuple[_Item, ...] | None:
    """Return the values in their order, each once, of which there is at least one."""
    if values is not None and not values:
        raise ValueError("is an empty list, which keeps nothing: fill it, or leave the key out to keep all")
    return unique(values or ()) or None


Word = Annotated[str, AfterValidator(_word), WithJsonSchema({"type": "string", "pattern": r"\S"})]
Extension = Annotated[
    str,
    AfterValidator(_extension),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\.?[A-Za-z0-9]+\s*$"}),
]

_Closure = Literal["resolved", "releases"]
_Status = Literal["active", "archived", "deprecated", "quarantined"]  # PEP 792
_Vulnerable = Literal["include", "exclude"]

KnownType = Annotated[PackageType, BeforeValidator(_one_of(get_args(PackageType), "package type", "types"))]
Status = Annotated[_Status, BeforeValidator(_one_of(get_args(_Status), "project status", "states"))]
Closure = Annotated[_Closure, BeforeValidator(_one_of(get_args(_Closure), "closure", "closures"))]
Vulnerable = Annotated[_Vulnerable, BeforeValidator(_one_of(get_args(_Vulnerable), "word", "words"))]
