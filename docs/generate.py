"""Write the generated pages of this folder: run ``python docs/generate.py``."""

from pathlib import Path

from minimirror.config import reference_page

DOCS = Path(__file__).parent

if __name__ == "__main__":
    (DOCS / "config.md").write_text(reference_page(), "utf-8")
