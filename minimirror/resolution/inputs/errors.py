"""What cannot be read of ``requirements``."""

from __future__ import annotations

from minimirror.common import MinimirrorError

__all__ = ["RequirementsError"]


class RequirementsError(MinimirrorError):
    """An entry of ``requirements``, or a file that it leads to, that cannot be used."""

    exit_code = 2

    problems: tuple[str, ...]
    """What is wrong, one mistake each: ``PATH:LINE: what is wrong and what to do``."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        count = len(problems)
        super().__init__("\n  ".join(problems if count == 1 else (f"{count} mistakes:", *problems)))
