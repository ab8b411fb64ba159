"""The commands, one file for each group of them."""

__all__: list[str] = []
