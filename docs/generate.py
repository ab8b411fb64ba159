"""Write the generated pages of this folder: run ``python docs/generate.py``."""

import json
from pathlib import Path

from minimirror.cli.output.schemas import OUTPUTS, output_schema
from minimirror.config import reference_page

DOCS = Path(__file__).parent


def pages() -> dict[Path, str]:
    """Return the text of each generated file."""
    schemas = {
        DOCS / "schemas" / f"{name}.schema.json": json.dumps(output_schema(name), indent=2) + "\n"
        for name in OUTPUTS
    }
    return {DOCS / "config.md": reference_page(), **schemas}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
