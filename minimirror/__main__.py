"""``python -m minimirror``."""

from minimirror.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main(prog_name="minimirror")
