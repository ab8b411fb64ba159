"""Wheels of the packages that are installed here, made from their files: real ones, without an index."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["installed_wheels"]


def installed_wheels(*requirements: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield the wheels that some packages need, without minimirror's: project, filename and content."""
    waiting, seen = [Requirement(text) for text in requirements], set()
    while waiting:
        wanted = waiting.pop()
        for extra in wanted.extras or {""}:
            if (key := (canonicalize_name(wanted.name), extra)) in seen:
                continue
            seen.add(key)
            found = distribution(wanted.name)
            needed = [Requirement(text) for text in found.requires or ()]
            waiting += [each for each in needed if not each.marker or each.marker.evaluate({"extra": extra})]
            if key[0] != "minimirror":
                yield key[0], *_wheel(found)


def _wheel(found: Distribution) -> tuple[str, bytes]:
    files = [each for each in found.files or () if ".." not in each.parts and each.suffix != ".pyc"]
    (info,) = (each for each in files if each.name == "WHEEL" and each.parent.name.endswith(".dist-info"))
    tags = [line.partition(": ")[2].split("-") for line in info.read_text().splitlines() if "Tag: " in line]
    tag = "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each in files:
            archive.writestr(str(each), Path(str(each.locate())).read_bytes())
    return f"{info.parent.name.removesuffix('.dist-info')}-{tag}.whl", buffer.getvalue()
