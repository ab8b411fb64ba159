"""Generate parts of this folder from the code: run ``python -m docs.generate`` in the repository's root."""

import json
from pathlib import Path

from docs.outputs import OUTPUTS, output_schema
from minimirror.config import Config, default_text, descriptions, schema

__all__ = ["DOCS", "pages"]

DOCS = Path(__file__).parent

_PAGE = """# The config

The config is a JSON file: `~/.minirepo`, unless `--config PATH` or the variable `MINIMIRROR_CONFIG` names
another. Only `repository` is required. minimirror reports all errors at once, each with its line and the
nearest known word.

`minimirror config set KEY VALUE` changes one key, `minimirror config edit` opens the file in your editor, and
`minimirror config show` prints the settings in effect. Numbers may be written as strings, as minirepo wrote
them. Comments (`// …` and `/* … */`) are allowed, and commands that change the file keep them.

Editors complete and check the file by its JSON Schema, which a `"$schema"` key names and minimirror ignores.
It is [schemas/config.schema.json](schemas/config.schema.json); `minimirror config schema` prints it, too.

<!-- Generated from minimirror/config/ by docs/generate.py -->

| key | example | default | meaning |
|---|---|---|---|
{rows}
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
        meaning = " ".join(meanings[key].split())
        cells = (f"`{key}`", f"`{example}`", default_text(key), meaning)
        rows.append(" | ".join(cell.replace("|", "\\|") for cell in cells))
    return _PAGE.format(rows="\n".join(f"| {row} |" for row in rows))


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
