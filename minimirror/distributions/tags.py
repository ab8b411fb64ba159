"""The words of filenames that a config may list: Python tags, platform tags and their families.

Tags are those of PEP 425, PEP 600 (manylinux), PEP 656 (musllinux), PEP 730 (iOS), PEP 738 (Android) and
PEP 783 (Emscripten). Older formats have a Python version instead.
"""

from __future__ import annotations

import difflib
import re

__all__ = [
    "USUAL_PLATFORMS",
    "USUAL_PYTHONS",
    "is_platform",
    "is_python",
    "platform_family",
    "similar_platforms",
    "similar_pythons",
]

# Every config imports this module: no packaging here.

_PYTHON = "(?:(?:py|cp|pp|ip|jy)[2-4][0-9]{0,2}|(?:graalpy|pyston|rustpython|micropython)[0-9]{1,4})"
_PYTHONS = rf"any|source|[2-4](?:\.[0-9]{{1,2}}){{1,2}}|{_PYTHON}(?:\.{_PYTHON})*|cp3(?:1[3-9]|[2-9][0-9])t"
_MINIREPO = frozenset({"2", "3", "python", "py3.5", "py3.6", "py3.7", "py3.10", "py32, py33, py34"})
"""What minirepo's configs list besides, since PyPI's JSON API says so of some files."""

_PYTHON_LIKE = re.compile(
    r"(?P<name>[a-z]*)[^a-z0-9]*(?P<major>[2-4])[._]?(?P<minor>[0-9]{0,2})(?![0-9]).*", re.DOTALL
)
_PREFIXES = {
    **dict.fromkeys(("cp", "cpython"), ("cp",)),
    **dict.fromkeys(("pp", "pypy"), ("pp",)),
    **dict.fromkeys(("graal", "graalpy", "graalpython"), ("graalpy",)),
    **dict.fromkeys(("", "py", "python"), ("cp", "py")),
}
_SDISTS = frozenset({"sdist", "src", "sources", "tar.gz", "gz", "zip", "sdists"})
USUAL_PYTHONS = (
    *("any", "source", "py2", "py3", "py2.py3", "cp27"),
    *(f"{name}3{minor}" for minor in range(8, 16) for name in ("cp", "py", "pp")),
)
"""What editors and shells offer, and the nearest of which an error names."""

_LINUX_ARCH = (
    r"(?:x86_64|i[3-6]86|aarch64|arm(?:v[0-9][a-z]*)?|ppc(?:64)?(?:le)?|s390x?|riscv(?:32|64)|loongarch64"
    r"|mips[a-z0-9]*|sparc[a-z0-9]*|alpha|ia64|e2k|hppa|parisc[0-9]*|m68k|sh4)"
)
_TWO = "[0-9]{1,3}_[0-9]{1,3}"
_OTHERS = (
    *("aix", "cygwin", "dragonfly", "freebsd", "haiku", "mingw", "msys", "netbsd", "openbsd", "solaris"),
    *("sunos", "wasi"),
)
_FAMILIES = (
    *("linux", "manylinux", "musllinux", "macosx", "win", "ios", "android"),
    *("emscripten", "pyemscripten", "pyodide", *_OTHERS),
)
_PLATFORMS = (
    rf"any|{'|'.join(_FAMILIES)}|win32|win_(?:amd64|arm64|arm32|ia64)|linux_{_LINUX_ARCH}"
    rf"|manylinux(?:1|2010|2014|_{_TWO})_{_LINUX_ARCH}|musllinux_{_TWO}_{_LINUX_ARCH}"
    rf"|macosx_{_TWO}_(?:arm64|x86_64|universal2?|intel|i386|ppc(?:64)?|fat(?:3|32|64)?)"
    rf"|ios_{_TWO}_(?:arm64|x86_64)_iphone(?:os|simulator)"
    r"|android_[0-9]{1,3}_(?:arm64_v8a|armeabi_v7a|x86|x86_64)"
    rf"|(?:pyodide|(?:py)?emscripten)_[0-9_]+_wasm32|(?:darwin|{'|'.join(_OTHERS)})[0-9]*_[a-z0-9_]+"
)
_SYSTEM_VERSION = re.compile(r"^([a-z]+)(?:[0-9]+|(?:_[0-9]+)+)_([a-z].*)$")
_OTHER_ARCHS = {
    "win": {
        **dict.fromkeys(("", "64", "64bit", "x64", "x86_64"), "win_amd64"),
        **dict.fromkeys(("32", "32bit", "x86", "i386", "i686"), "win32"),
        "aarch64": "win_arm64",
    },
    "macosx": {
        **dict.fromkeys(("aarch64", "arm64", "m1"), "arm64"),
        **dict.fromkeys(("amd64", "x64", "x86_64"), "x86_64"),
    },
    "linux": {
        **dict.fromkeys(("64", "64bit", "x64", "amd64", "x86_64"), "x86_64"),
        **dict.fromkeys(("32", "32bit", "x86"), "i686"),
        "arm64": "aarch64",
    },
}
"""The tag, or its architecture, by what people write for it."""

_SYSTEMS = {
    "win": r"(?:ms)?win(?:dows|nt)?(?=[_0-9]|$)",
    "macosx": r"(?:mac(?:_?os)?(?:_?x)?|osx|darwin)(?=[_0-9]|$)",
    "manylinux": "manylinux",
    "musllinux": "musl(?:_?linux)?|alpine",
    "linux": "(?:gnu_?)?linux(?:_gnu)?|debian|ubuntu|fedora|centos|rhel|posix|unix",
}
"""What people write for a family, by its name."""

USUAL_PLATFORMS = (
    *("any", *_FAMILIES, "win32", "win_amd64", "win_arm64", "linux_x86_64", "linux_aarch64"),
    *("manylinux2014_x86_64", "manylinux_2_28_x86_64", "musllinux_1_2_x86_64", "macosx_11_0_arm64"),
)


def is_python(word: str) -> bool:
    """Return whether a filename can have a Python tag, or a part of one, that is listed as ``word``.

    A free-threaded Python (PEP 703), which only the ABI tag tells, is ``cp313t``.
    """
    return re.fullmatch(_PYTHONS, word) is not None or word in _MINIREPO


def is_platform(word: str) -> bool:
    """Return whether a filename can have this platform tag, or one of this family."""
    return re.fullmatch(_PLATFORMS, word) is not None


def platform_family(tag: str) -> str:
    """Return a platform tag without the version of the system: ``manylinux_x86_64``, ``macosx_arm64``."""
    return _SYSTEM_VERSION.sub(r"\1_\2", tag)


def similar_pythons(text: str) -> list[str]:
    """Return the Python tags that may be meant by a text that is none."""
    text = text.strip().lower()
    found = _PYTHON_LIKE.fullmatch(text)
    name, major, minor = (found["name"], found["major"], found["minor"]) if found else ("", "", "")
    prefixes = _PREFIXES.get(name, (name,))
    tags = [f"{prefix}{major}{minor}" for prefix in (prefixes if minor else prefixes[-1:])]
    tags = ["source"] if text in _SDISTS else [tag for tag in tags if is_python(tag)]
    return tags or _closest(text, USUAL_PYTHONS)


def similar_platforms(text: str) -> list[str]:
    """Return the platform tags and families that may be meant by a text that is none."""
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    for family, names in _SYSTEMS.items():
        if found := re.match(names, text):
            rest = text[found.end() :].strip("_")
            tags = [tag for tag in _completed(family, rest) if is_platform(tag)][:1]
            return list(dict.fromkeys([*tags, family] if rest else [family, *tags]))
    return _closest(text, USUAL_PLATFORMS)


def _completed(family: str, rest: str) -> list[str]:
    """Return what a tag of a family may be, the likeliest first.

    :param rest: what a text has after the family's name
    """
    if family == "win":
        return [_OTHER_ARCHS["win"].get(rest, f"win_{rest}")]
    mac = family == "macosx"
    other_archs = _OTHER_ARCHS["macosx" if mac else "linux"]
    longest = max((arch for arch in other_archs if re.search(rf"(?:^|_){arch}$", rest)), key=len, default="")
    version, arch = rest.removesuffix(longest).strip("_"), other_archs.get(longest, "")
    if mac and version.isdecimal():
        version += "_0"
    usual = {"macosx": "11_0", "manylinux": "2_28", "musllinux": "1_2"}.get(family, "")
    name = family if family == "manylinux" and version in {"1", "2010", "2014"} else f"{family}_"
    archs = [arch] if arch else ["", "arm64" if mac else "x86_64"]
    return [f"{name}{version or usual}_{each}".replace("__", "_").rstrip("_") for each in archs if rest]


def _closest(text: str, known: tuple[str, ...]) -> list[str]:
    return difflib.get_close_matches(text[:100], known, n=1, cutoff=0.5)
