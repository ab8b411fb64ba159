"""What people read on the terminal: progress, summaries, tables; and each command's JSON."""

__all__: list[str] = []
