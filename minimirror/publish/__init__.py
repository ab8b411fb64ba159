"""The mirror carried to where installers look: the static index, or another index server."""

__all__: list[str] = []
