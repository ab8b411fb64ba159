"""What each part of a bundle says of itself, in its first member: of which bundle it is, and which part.

Nothing of it is signed, and nothing but the layout follows from it: what matters is in the manifest, whose
digest is here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from minimirror.bundle.errors import DamagedError
from minimirror.bundle.layout import MIN_SPLIT
from minimirror.common import printable

__all__ = ["FORMAT", "MAX_HEAD", "Head", "Sha256", "part_path", "read_head"]

FORMAT = 1
"""Raised when an older minimirror could not read what a newer one writes."""

MAX_HEAD = 4096
"""Bytes of a head, at most."""

_MOST = 2**63 - 1
_MAX_SIGNATURE = 64 * 1024

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Head(BaseModel):
    """What a part says of itself."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    minimirror_bundle: int
    """:data:`FORMAT`."""

    number: int = Field(ge=1, le=_MOST)
    """Of the export, as the near side counts them."""

    name: str = Field(max_length=255)
    """Of the bundle's first file, when it was made."""

    part: int = Field(ge=1, le=_MOST)
    """From 1."""

    parts: int = Field(ge=1, le=_MOST)
    split: int | None = Field(ge=MIN_SPLIT, le=_MOST)
    """Bytes that a part has at most; None for a bundle of one part."""

    manifest_size: int = Field(ge=1, le=_MOST)
    """Bytes."""

    manifest_sha256: Sha256
    signature_size: int | None = Field(ge=1, le=_MAX_SIGNATURE)
    """Bytes; None where it is not signed."""

    def encoded(self) -> bytes:
        """The bytes of the member."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    def of_part(self, part: int) -> Head:
        """The head of another part of the same bundle."""
        return self.model_copy(update={"part": part})

    def path_of(self, part: int) -> str:
        """The filename of a part, as it was when it was made."""
        return printable(part_path(Path(self.name), part).name)


def read_head(text: bytes, path: Path) -> Head:
    """Read a part's head.

    :raises DamagedError: it is none, or a newer minimirror's
    """
    version = re.match(rb'\{\s*"minimirror_bundle":\s*([0-9]{1,9})\b', text)
    if version and int(version[1]) > FORMAT:
        raise DamagedError(
            f"{path}: made by a newer minimirror (format {int(version[1])}, this one knows {FORMAT}):"
            " update minimirror here"
        )
    try:
        head = Head.model_validate_json(text)
    except ValidationError:
        raise DamagedError(f"{path}: damaged: what it says of itself cannot be read") from None
    if head.minimirror_bundle != FORMAT or head.part > head.parts:
        raise DamagedError(f"{path}: damaged: what it says of itself makes no sense")
    return head


def part_path(path: Path, part: int) -> Path:
    """Where a part goes: ``lab.tar``, ``lab.2.tar``, ``lab.3.tar``."""
    return path if part == 1 else path.with_name(f"{path.stem}.{part}{path.suffix}")
