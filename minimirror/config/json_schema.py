"""The config's JSON Schema, with which editors complete and check ``~/.minirepo``."""

from __future__ import annotations

import ast
import inspect
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from minimirror.config.errors import OBJECTS
from minimirror.config.model import DEFAULTS, Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["choices", "default_text", "descriptions", "schema"]


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file. It accepts whatever :func:`load` accepts."""
    generated = Config.model_json_schema()
    objects = {each["title"]: each for each in generated["$defs"].values()}
    models: list[tuple[dict[str, Any], type[BaseModel]]] = [(generated, Config)]
    models += [(objects[model.model_config["title"]], model) for model in OBJECTS.values()]
    for described, model in models:
        meanings = descriptions(model)
        for key, value in described["properties"].items():
            # pydantic's titles only repeat the key.
            kept = {name: part for name, part in value.items() if name != "title"}
            described["properties"][key] = {"description": meanings[key], **kept}
    for key, value in generated["properties"].items():
        value["description"] += f" Default: {default_text(key)}."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:minimirror:config",
        "allowComments": True,  # so that Visual Studio Code accepts them
        **generated,
        "title": "minimirror config",
        "description": "What to mirror, from which index, into which folder (~/.minirepo).",
        "properties": {
            "$schema": {
                "type": "string",
                "description": "The location of this schema, for editors.",
            },
            **generated["properties"],
        },
    }


def choices(key: str) -> list[str]:
    """Return the words that a shell offers for a key, or for an item of its list, as editors do."""
    return list(dict.fromkeys(_words(Config.model_json_schema()["properties"].get(key, {}))))


def _words(described: Mapping[str, Any]) -> Iterator[str]:
    if described.get("type") == "boolean":
        yield from ("true", "false")
    yield from described.get("enum", ())
    for part in (*described.get("anyOf", ()), *filter(None, [described.get("items")])):
        yield from _words(part)


def descriptions(model: type[BaseModel] = Config) -> dict[str, str]:
    """Return what each key means: the docstring below it.

    pydantic can do this too (``use_attribute_docstrings``), but whenever the model is imported, and reading
    the source takes longer than the rest of a start.
    """
    found = {}
    for base in reversed(model.__mro__):
        if BaseModel in base.__mro__[1:]:
            tree = ast.parse(inspect.getsource(base))
            [members] = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
            for pair in pairwise(members):
                match pair:
                    case ast.AnnAssign(ast.Name(key)), ast.Expr(ast.Constant(str(text))):
                        found[key] = inspect.cleandoc(text)
    return found


def default_text(key: str) -> str:
    """Return a key's default for people."""
    if key in DEFAULTS:
        return DEFAULTS[key]
    value = Config(repository="/").shown()[key]
    return f"`{json.dumps(value)}`" if value != [] else "none"
