"""The reference of the config, generated from its model: the JSON Schema and ``docs/config.md``."""

from __future__ import annotations

import json
from typing import Any

from minimirror.config.model import DEFAULTS, Config

__all__ = ["reference_page", "schema"]

_PAGE = """# The config

The config is a JSON file: `~/.minirepo`, unless `--config PATH` or the variable `MINIMIRROR_CONFIG` names
another. Only `repository` is required. minimirror reports all errors at once, each with its line and the
nearest known word.

`minimirror config set KEY VALUE` changes one key, `minimirror config edit` opens the file in your editor, and
`minimirror config show` prints the settings in effect. Numbers may be written as strings, as minirepo wrote
them. A `"$schema"` key is allowed and ignored: `minimirror config schema` prints the JSON Schema with which
editors complete and check the file.

<!-- Generated from minimirror/config/model.py by docs/generate.py -->

| key | example | default | meaning |
|---|---|---|---|
{rows}
"""


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file. It accepts whatever :func:`load` accepts."""
    generated = Config.model_json_schema()
    for described in (generated, *generated["$defs"].values()):
        for key, value in described["properties"].items():
            # pydantic's titles only repeat the key.
            described["properties"][key] = {name: part for name, part in value.items() if name != "title"}
    for key, value in generated["properties"].items():
        if default := _default_text(key):
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


def _default_text(key: str) -> str:
    """Return a key's default for people; empty if the key is required."""
    field = Config.model_fields[key]
    if key in DEFAULTS or field.is_required():
        return DEFAULTS.get(key, "")
    if isinstance(field.default, float):
        return f"`{field.default:g}`"
    return "none" if field.default == () else f"`{json.dumps(field.default)}`"


def reference_page() -> str:
    """Return ``docs/config.md``: one row per key with an example, the default and the meaning."""
    rows = []
    for key, field in Config.model_fields.items():
        example = json.dumps((field.examples or [""])[0], ensure_ascii=False)
        cells = (
            f"`{key}`",
            f"`{example}`",
            _default_text(key) or "required",
            " ".join((field.description or "").split()),
        )
        rows.append(" | ".join(cell.replace("|", "\\|") for cell in cells))
    return _PAGE.format(rows="\n".join(f"| {row} |" for row in rows))
