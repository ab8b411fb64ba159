"""The type of the config's targets: the environments that install from the mirror, as JSON objects."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetPydanticSchema, PlainSerializer
from pydantic_core import core_schema

from minimirror.common import quoted
from minimirror.config.words import known_or
from minimirror.distributions import Target, is_platform, is_python

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["TargetObject", "WrittenTarget"]

_MANYLINUX_ARCHS = "x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x|riscv64|loongarch64"
"""The architectures that have manylinux tags. Any other Linux has only ``linux_…``."""

_MAC_ARCHS = "arm64|x86_64|i386|ppc64|ppc"

_NUMBER = "[0-9]{1,3}"
"""Part of a version. A longer one would make a list of tags that fills the memory."""

_KNOWN = re.compile(
    rf"manylinux_{_NUMBER}_{_NUMBER}_[a-z0-9_]+"
    r"|manylinux(?:1|2010|2014)_[a-z0-9_]+"
    rf"|musllinux_{_NUMBER}_{_NUMBER}_[a-z0-9_]+"
    rf"|macosx_{_NUMBER}_{_NUMBER}_(?:{_MAC_ARCHS})"
    r"|win32|win_amd64|win_arm64"
    rf"|linux_(?!(?:{_MANYLINUX_ARCHS})$)[a-z0-9_]+"
    r"|(?!(?:many|musl)?linux|mac|osx|darwin|win)[a-z0-9]+_[a-z0-9_]+"
)

_USUAL = (
    *(f"manylinux_2_{glibc}_{arch}" for glibc in (17, 28, 34) for arch in ("x86_64", "aarch64")),
    *("musllinux_1_2_x86_64", "musllinux_1_2_aarch64", "win_amd64", "win_arm64", "win32"),
    *("macosx_11_0_arm64", "macosx_12_0_arm64", "macosx_14_0_arm64", "macosx_10_15_x86_64"),
)
"""The platforms of many machines, which editors offer."""

_ARCH_NAMES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "x86": "i686", "i386": "i686"}
"""Other names of Linux architectures, and those in tags."""

_INSTEAD = (
    (
        rf"linux_?(?P<arch>{_MANYLINUX_ARCHS})?.*",
        (
            'does not name the C library: write "manylinux_2_28_{arch}" (`ldd --version` prints the version '
            'of glibc) or "musllinux_1_2_{arch}"'
        ),
    ),
    (r"manylinux.*", 'lacks the glibc version or the architecture: write it like "manylinux_2_28_x86_64"'),
    (r"musllinux.*", 'lacks the musl version or the architecture: write it like "musllinux_1_2_x86_64"'),
    (
        r"(mac|osx|darwin).*",
        (
            'lacks the macOS version or the processor: write it like "macosx_12_0_arm64", '
            'or "macosx_12_0_x86_64" for Intel'
        ),
    ),
    (r"win.*", 'is not a Windows platform tag: write "win_amd64", "win_arm64" or "win32"'),
    (r"any", 'is the tag of wheels for every platform: name the target\'s own, such as "win_amd64"'),
    (
        r".*",
        'is not a platform tag such as "manylinux_2_28_x86_64", "macosx_12_0_arm64" or "win_amd64"',
    ),
)
"""What to write instead of a text that is not a platform tag, by what it looks like."""

_IMPLEMENTATIONS = {"cpython": "cp", "pypy": "pp", "graalvm": "graalpy", "ironpython": "ip", "jython": "jy"}
"""Names of implementations, and their tags."""


def _python(value: object) -> str:
    text = str(value).strip()
    if not re.fullmatch(rf"[1-9][0-9]?\.{_NUMBER}(?:\.{_NUMBER})?", text):
        raise ValueError('must be a Python version such as "3.12" or "3.12.7"')
    if text != value and not isinstance(value, str):
        raise ValueError(f'must be in double quotes, "{text}", because the numbers 3.1 and 3.10 are equal')
    return text


def _platform(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    tag = _with_usual_arch(re.sub(r"[-. ]", "_", text.lower()))
    if _KNOWN.fullmatch(tag) and is_platform(tag):
        if tag != text:
            raise ValueError(f"{quoted(text)} is not a platform tag: write {quoted(tag)}")
        return tag
    found, instead = next((found, instead) for like, instead in _INSTEAD if (found := re.match(like, tag)))
    arch = found.groupdict().get("arch") or "x86_64"
    raise ValueError(f"{quoted(text)} {instead.format(arch=arch)}")


def _with_usual_arch(tag: str) -> str:
    """Return the tag with the architecture's name that Linux tags use."""
    start, separator, arch = tag.rpartition("_")
    return f"{start}{separator}{_ARCH_NAMES.get(arch, arch)}" if "linux" in start else tag


def _implementation(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if instead := _IMPLEMENTATIONS.get(text.lower()):
        raise ValueError(f'{quoted(text)} is not the tag: write "{instead}"')
    if not (text.isalpha() and is_python(f"{text}3")):
        raise ValueError('must be an implementation tag such as "cp" or "pp"')
    return text


def _abi(value: object) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    if value is None:
        return None
    if text in {"abi3", "abi3t", "none"}:
        raise ValueError(f'{quoted(text)} is always accepted: remove "abi"')
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise ValueError('must be an ABI tag such as "cp313t"; without "abi", the usual one applies')
    return text


class WrittenTarget(BaseModel):
    """An environment that installs from the mirror. `minimirror target` prints the current one."""

    # Nothing is validated with this model alone, so it needs no validator of its own.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, title="target", defer_build=True)

    python: Annotated[
        str,
        BeforeValidator(_python),
        known_or((f"3.{minor}" for minor in range(9, 16)), r"^\s*[0-9]+\.[0-9]+(\.[0-9]+)?\s*$"),
    ] = Field(examples=["3.12", "3.12.7"])
    """The Python version, in quotes. `3.12` means 3.12.0."""

    platform: Annotated[str, BeforeValidator(_platform), known_or(_USUAL, r"^\s*[a-z][a-z0-9_]+\s*$")] = (
        Field(examples=["manylinux_2_28_x86_64", "musllinux_1_2_aarch64", "macosx_12_0_arm64", "win_amd64"])
    )
    """The newest platform tag that the target accepts."""

    implementation: Annotated[
        str, BeforeValidator(_implementation), known_or(("cp", "pp", "graalpy"), r"^\s*[a-z]+\s*$")
    ] = Field("cp", examples=["cp", "pp"])
    """The tag of the Python implementation (default: CPython)."""

    abi: Annotated[str | None, BeforeValidator(_abi)] = Field(None, examples=["cp313t"])
    """The ABI tag (default: the usual one of this Python)."""


def _as_written(value: object) -> object:
    return asdict(value) if isinstance(value, Target) else value


def _target(written: WrittenTarget) -> Target:
    target = Target(written.python, written.platform, written.implementation, written.abi)
    if target.abi is not None and not _is_abi(target.abi, target):
        raise ValueError(f"{quoted(target.abi)} is not an ABI of Python {target.python}: remove it")
    return target


def _is_abi(abi: str, target: Target) -> bool:
    usual = "cp" + "".join(target.python.split(".")[:2])
    if target.implementation == "cp":
        return re.fullmatch(f"{usual}(?:d?m?u?|{'td?' * is_python(f'{usual}t')})", abi) is not None
    return target.implementation != "pp" or re.fullmatch("pypy[0-9]+_pp[0-9]+", abi) is not None


def _schema(_source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Validate the fields of :class:`WrittenTarget` first, so that each error has its location."""
    written = core_schema.no_info_after_validator_function(_target, handler.generate_schema(WrittenTarget))
    return core_schema.no_info_before_validator_function(_as_written, written)


TargetObject = Annotated[Target, GetPydanticSchema(_schema), PlainSerializer(Target.as_dict)]
