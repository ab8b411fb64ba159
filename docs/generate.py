"""Generate parts of this folder from the code: run ``python -m docs.generate`` in the repository's root."""

import json
from pathlib import Path

from docs.outputs import OUTPUTS, output_schema
from minimirror.config import Config, ServeSettings, default_text, descriptions, schema

__all__ = ["DOCS", "pages"]

DOCS = Path(__file__).parent

_PAGE = """# The config

This page lists every key of the config. [Which files are mirrored](selection.md) explains how the keys work
together, and [Commands](commands.md#edit-the-config) how to change them.

The config is a JSON file: `~/.minirepo`, unless `--config PATH` or the environment variable
`MINIMIRROR_CONFIG` names another one. Only `repository` is required. If there are errors, minimirror reports
all of them at once, each with its line and the nearest valid name. Numbers may be written as strings, as in
minirepo. Comments (`// …` and `/* … */`) are allowed, and commands that change the file keep them.

Editors can complete and check the file if you add a `"$schema"` key, which minimirror ignores. The schema is
[schemas/config.schema.json](schemas/config.schema.json); `minimirror config schema` prints it, too.

<!-- Generated from minimirror/config/ by docs/generate.py -->

| key | example | default | meaning |
|---|---|---|---|
{rows}

## `serve`

The keys of the object `serve`. [Serve the folder](serving.md#minimirror-serve) explains them.

| key | default | meaning |
|---|---|---|
{serve_rows}
"""


def pages() -> dict[Path, str]:
    """Return the text of each generated file."""
    schemas = {"config": schema(), **{name: output_schema(name) for name in OUTPUTS}}
    files = {
        DOCS / "schemas" / f"{name}.schema.json": json.dumps(each, indent=2) + "\n"
        for name, each in schemas.items()
    }
    return {DOCS / "config.md": _config_page(), **files}


def _config_page() -> str:
    """Return the reference of the config: one row per key with an example, the default and the meaning."""
    rows = []
    meanings = descriptions()
    for key, field in Config.model_fields.items():
        example = json.dumps((field.examples or [""])[0], ensure_ascii=False)
        rows.append(_row(f"`{key}`", f"`{example}`", default_text(key), meanings[key]))
    meanings = descriptions(ServeSettings)
    defaults = ServeSettings().model_dump(mode="json")
    serve_rows = [
        _row(f"`{key}`", "none" if default is None else f"`{json.dumps(default)}`", meanings[key])
        for key, default in defaults.items()
    ]
    return _PAGE.format(rows="\n".join(rows), serve_rows="\n".join(serve_rows))


def _row(*cells: str) -> str:
    plain = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(plain)} |"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
