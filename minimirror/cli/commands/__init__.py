"""The commands, one file per group.

Commands import what they need when they run, so that help, completion and ``--version`` stay fast
(PLC0415), and have one parameter per option (PLR0913). click keeps the line breaks of a paragraph
that begins with a backspace, which a raw docstring cannot have (D301).
"""

__all__: list[str] = []
