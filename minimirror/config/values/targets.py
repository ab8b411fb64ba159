"""Targets of the config: the machines that install from the mirror, as JSON objects."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import core_schema

from minimirror.common import quoted
from minimirror.distributions import Target

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["TargetObject", "WrittenTarget"]

_MANYLINUX_ARCHS = "x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x|riscv64|loongarch64"
"""The architectures that manylinux tags are used for: a Linux of another is known by ``linux_…`` alone."""

_MAC_ARCHS = "arm64|x86_64|i386|ppc64|ppc"

_NUMBER = "[0-9]{1,3}"
"""Of a version; a longer one would only make a list of tags that fills the memory."""

_KNOWN = re.compile(
    rf"manylinux_{_NUMBER}_{_NUMBER}_[a-z0-9_]+"
    r"|manylinux(?:1|2010|2014)_[a-z0-9_]+"
    rf"|musllinux_{_NUMBER}_{_NUMBER}_[a-z0-9_]+"
    rf"|macosx_{_NUMBER}_{_NUMBER}_(?:{_MAC_ARCHS})"
    r"|win32|win_amd64|win_arm64"
    rf"|linux_(?!(?:{_MANYLINUX_ARCHS})$)[a-z0-9_]+"
    r"|(?!any$|(?:many|musl)?linux|mac|osx|darwin|win)[a-z][a-z0-9_]*"
)

_ARCH_NAMES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "x86": "i686", "i386": "i686"}
"""What others call the architectures of Linux."""

_INSTEAD = (
    (
        rf"linux_?(?P<arch>{_MANYLINUX_ARCHS})?.*",
        (
            'does not tell the C library: write "manylinux_2_28_{arch}" (`ldd --version` tells the version '
            'of glibc), or "musllinux_1_2_{arch}"'
        ),
    ),
    (r"manylinux.*", 'tells no version of glibc or no architecture: write one like "manylinux_2_28_x86_64"'),
    (r"musllinux.*", 'tells no version of musl or no architecture: write one like "musllinux_1_2_x86_64"'),
    (
        r"(mac|osx|darwin).*",
        (
            'tells no version of macOS or no processor of a Mac: write one like "macosx_12_0_arm64", '
            'or "macosx_12_0_x86_64" for Intel\'s'
        ),
    ),
    (r"win.*", 'is no platform tag of Windows: write "win_amd64", "win_arm64" or "win32"'),
    (r"any", 'is the tag of wheels for every platform, but a machine has one: write one like "win_amd64"'),
    (r".*", 'is no platform tag, such as "manylinux_2_28_x86_64", "macosx_12_0_arm64" or "win_amd64"'),
)
"""What to write instead of what is no machine's platform tag, by what it is like."""

_IMPLEMENTATIONS = {"cpython": "cp", "pypy": "pp"}


def _python(value: object) -> str:
    """Return a Python version."""
    text = str(value).strip()
    if not re.fullmatch(rf"[1-9][0-9]?\.{_NUMBER}(?:\.{_NUMBER})?", text):
        raise ValueError('must be a Python version such as "3.12" or "3.12.7"')
    if text != value and not isinstance(value, str):
        raise ValueError(f'must be in double quotes, "{text}": as numbers, 3.1 and 3.10 are one')
    return text


def _platform(value: object) -> str:
    """Return a machine's platform tag."""
    text = value.strip() if isinstance(value, str) else ""
    tag = _with_usual_arch(re.sub(r"[-. ]", "_", text.lower()))
    if _KNOWN.fullmatch(tag):
        if tag != text:
            raise ValueError(f"{quoted(text)} is no platform tag: write {quoted(tag)}")
        return tag
    found, instead = next((found, instead) for like, instead in _INSTEAD if (found := re.match(like, tag)))
    arch = found.groupdict().get("arch") or "x86_64"
    raise ValueError(f"{quoted(text)} {instead.format(arch=arch)}")


def _with_usual_arch(tag: str) -> str:
    """Return the tag with the architecture's name as tags of Linux have it."""
    start, separator, arch = tag.rpartition("_")
    return f"{start}{separator}{_ARCH_NAMES.get(arch, arch)}" if "linux" in start else tag


def _implementation(value: object) -> str:
    """Return an implementation's abbreviation."""
    text = value.strip() if isinstance(value, str) else ""
    if instead := _IMPLEMENTATIONS.get(text.lower()):
        raise ValueError(f'{quoted(text)} is abbreviated in tags: write "{instead}"')
    if not re.fullmatch(r"[a-z]+", text):
        raise ValueError('must be an implementation as tags abbreviate it, such as "cp" or "pp"')
    return text


def _abi(value: object) -> str | None:
    """Return an ABI tag."""
    text = value.strip() if isinstance(value, str) else ""
    if value is None:
        return None
    if text in {"abi3", "abi3t", "none"}:
        raise ValueError(f'{quoted(text)} is accepted anyhow: leave "abi" out')
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise ValueError('must be an ABI tag such as "cp313t", or be left out')
    return text


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


class WrittenTarget(BaseModel):
    """A machine that installs from the mirror; `minimirror target`, run there, prints it."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True, title="target"
    )

    python: Annotated[str, BeforeValidator(_python), _text(r"^\s*[0-9]+\.[0-9]+(\.[0-9]+)?\s*$")] = Field(
        examples=["3.12", "3.12.7"]
    )
    """Its Python version, in quotes; `3.12` stands for 3.12.0."""

    platform: Annotated[str, BeforeValidator(_platform), _text(r"^\s*[a-z][a-z0-9_]+\s*$")] = Field(
        examples=["manylinux_2_28_x86_64", "musllinux_1_2_aarch64", "macosx_12_0_arm64", "win_amd64"]
    )
    """The newest platform tag that it accepts."""

    implementation: Annotated[str, BeforeValidator(_implementation), _text(r"^\s*[a-z]+\s*$")] = Field(
        "cp", examples=["cp", "pp"]
    )
    """Its Python implementation, as tags abbreviate it; left out: CPython."""

    abi: Annotated[str | None, BeforeValidator(_abi)] = Field(None, examples=["cp313t"])
    """Its ABI tag; left out: the usual one of that Python."""


def _as_written(value: object) -> object:
    return asdict(value) if isinstance(value, Target) else value


def _target(written: WrittenTarget) -> Target:
    target = Target(written.python, written.platform, written.implementation, written.abi)
    usual = "cp" + "".join(target.python.split(".")[:2])
    if target.implementation == "cp" and not re.fullmatch(rf"{usual}[a-z]*", target.abi or usual):
        raise ValueError(f"{quoted(target.abi or '')} is no ABI of Python {target.python}: leave it out")
    return target


def _schema(_source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Have a target read as an object of its own, so that each field's mistakes have their place."""
    written = core_schema.no_info_after_validator_function(_target, handler.generate_schema(WrittenTarget))
    return core_schema.no_info_before_validator_function(_as_written, written)


TargetObject = Annotated[
    Target, GetPydanticSchema(_schema), PlainSerializer(Target.as_dict, when_used="json")
]
