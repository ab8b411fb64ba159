"""The config's JSON Schema, with which an editor completes and checks ``~/.minirepo`` as it is typed."""

from __future__ import annotations

from typing import Any

from minimirror.config.model import Config

__all__ = ["schema"]


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file: what :func:`load` accepts, it accepts."""
    generated = Config.model_json_schema()
    for described in (generated, *generated["$defs"].values()):
        for key, value in described["properties"].items():
            # pydantic's titles only say the key again; its descriptions keep the source's line breaks.
            described["properties"][key] = {name: part for name, part in value.items() if name != "title"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **generated,
        "title": "minimirror config",
        "description": "What minimirror mirrors, from where and into which folder (~/.minirepo).",
        "properties": {
            "$schema": {"type": "string", "description": "Where this schema is, for editors; ignored."},
            **generated["properties"],
        },
    }
