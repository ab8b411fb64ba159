"""The config's JSON Schema, with which editors complete and check ``~/.minirepo``."""

from __future__ import annotations

import json
from typing import Any

from minimirror.config.model import DEFAULTS, Config

__all__ = ["default_text", "schema"]


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file. It accepts whatever :func:`load` accepts."""
    generated = Config.model_json_schema()
    for described in (generated, *generated["$defs"].values()):
        for key, value in described["properties"].items():
            # pydantic's titles only repeat the key.
            described["properties"][key] = {name: part for name, part in value.items() if name != "title"}
    for key, value in generated["properties"].items():
        if default := default_text(key):
            value["description"] += f" Default: {default}."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **generated,
        "title": "minimirror config",
        "description": "What minimirror mirrors, from which index, into which folder (~/.minirepo).",
        "properties": {
            "$schema": {"type": "string", "description": "Where this schema is, for editors; ignored."},
            **generated["properties"],
        },
    }


def default_text(key: str) -> str:
    """Return a key's default for people; empty if the key is required."""
    field = Config.model_fields[key]
    if key in DEFAULTS or field.is_required():
        return DEFAULTS.get(key, "")
    if isinstance(field.default, float):
        return f"`{field.default:g}`"
    return "none" if field.default == () else f"`{json.dumps(field.default)}`"
