"""Pages of the project foo, made of filenames, and rules for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from minimirror.distributions import Target
from minimirror.selection import PinnedRelease, ProjectRequest, Rules, select
from minimirror.simple_api import File

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minimirror.selection import Decision

__all__ = [
    "ALL",
    "ANY_RULES",
    "CASES",
    "CLOCKS",
    "FINAL",
    "LINUX",
    "LINUX_OLD",
    "MAC",
    "NEWEST",
    "NO_TARGETS",
    "PAGES",
    "PINS",
    "SHA256",
    "SOUND_PAGES",
    "SPECIFIERS",
    "STATUSES",
    "TARGETS",
    "WANTS",
    "WINDOWS",
    "decide",
    "files",
    "reasons",
    "refusals",
    "rules",
    "sdist",
    "sdists",
    "versions",
    "wanted",
    "wheel",
]

ALL = Rules(
    package_types=None,
    extensions=None,
    python_versions=None,
    platforms=None,
    releases=None,
    prereleases=True,
    yanked=True,
)
"""Rules that refuse nothing."""

NEWEST = replace(ALL, releases=1)
FINAL = replace(ALL, prereleases=False, yanked=False)

LINUX = Target("3.12", "manylinux_2_28_x86_64")
LINUX_OLD = Target("3.9", "manylinux_2_17_x86_64")
WINDOWS = Target("3.11", "win_amd64")
MAC = Target("3.13", "macosx_12_0_arm64")


def rules(**listed: Any) -> Rules:
    """Make rules that refuse nothing else; sets may be given as tuples."""
    sets = {"package_types", "extensions", "python_versions", "platforms", "project_status"}
    changed: dict[str, Any] = {
        key: frozenset(value) if key in sets and value is not None else value for key, value in listed.items()
    }
    return replace(ALL, **changed)


def files(*names: str, digests: Mapping[str, str] | None = None, **entry: Any) -> list[File]:
    """Make a page of these files, which share all other fields."""
    return [File(name, f"https://example.org/{name}", digests or {}, **entry) for name in names]


def sdist(version: str) -> str:
    return f"foo-{version}.tar.gz"


def wheel(version: str, tags: str = "py3-none-any") -> str:
    return f"foo-{version}-{tags}.whl"


def sdists(*versions: str, **entry: Any) -> list[File]:
    return files(*map(sdist, versions), **entry)


def decide(page: Sequence[File], rules: Rules, *specifiers: str, **others: Any) -> list[Decision]:
    return select(page, "foo", rules, ProjectRequest(specifiers=specifiers), **others)


def wanted(page: Sequence[File], rules: Rules, *specifiers: str, **others: Any) -> list[str]:
    return [each.file.filename for each in decide(page, rules, *specifiers, **others) if each.wanted]


def versions(page: Sequence[File], rules: Rules, *specifiers: str, **others: Any) -> list[str]:
    return [each.version for each in decide(page, rules, *specifiers, **others) if each.wanted]


def refusals(page: Sequence[File], rules: Rules, *specifiers: str, **others: Any) -> list[str]:
    """Return the rule that refuses each unselected file."""
    return [each.rule for each in decide(page, rules, *specifiers, **others) if not each.wanted]


def reasons(page: Sequence[File], rules: Rules, *specifiers: str, **others: Any) -> list[str]:
    """Return the reason for each unselected file."""
    return [each.reason for each in decide(page, rules, *specifiers, **others) if not each.wanted]


# Strategies

VERSIONS = ["1.0", "1.0.0", "1.1", "2.0", "2.0a1", "2.0rc1", "3.0.dev1", "1!0.1", "1.0+x", "2004d", "nightly"]
TAGS = [
    "py3-none-any",
    "py2.py3-none-any",
    "cp311-cp311-win_amd64",
    "cp312-cp312-win_amd64",
    "cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "cp312-abi3-manylinux_2_17_x86_64",
    "cp313-cp313-macosx_10_13_universal2",
    "x-y-z",
]
NAMES = [sdist(version) for version in VERSIONS] + [
    wheel(version, tags) for version in VERSIONS if "-" not in version for tags in TAGS
]
ODD = [
    "foo-1.0.zip",
    "foo-1.0-py2.7.egg",
    "foo-2.0.win32.exe",
    "bar-1.0.tar.gz",
    "../foo-1.tar.gz",
    "foo-1.0.whl",
    "foo",
    "",
]
SHA256 = ["a" * 64, "b" * 64]
FILES = st.builds(
    lambda name, digest, size, uploaded, python, yanked: File(
        name, "https://example.org/" + name, digest, size, uploaded, python, yanked
    ),
    st.sampled_from(NAMES + ODD),
    st.sampled_from([{"sha256": SHA256[0]}, {"sha256": SHA256[1]}, {"md5": "c" * 32}, {}]),
    st.sampled_from([None, 1, 10, 100]),
    st.sampled_from([100.0, 200.0, 300.0, None]),
    st.sampled_from([None, None, ">=3.12", "<3.12", ">=3.9", "nonsense"]),
    st.sampled_from([None, None, None, "", "broken"]),
)
PAGES = st.lists(FILES, max_size=12)
SOUND_PAGES = st.lists(FILES, max_size=12, unique_by=lambda file: file.filename.lower())
"""Pages without duplicate names."""


def _listed(*values: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values), min_size=1)


_RULES: Mapping[str, st.SearchStrategy[Any]] = {
    "package_types": _listed("sdist", "bdist_wheel", "bdist_egg", "bdist_wininst"),
    "extensions": _listed("gz", "zip", "whl", "egg", "exe"),
    "python_versions": _listed("py3", "py2.py3", "cp312", "source", "2.7", "any"),
    "platforms": _listed("any", "linux", "win", "win_amd64", "manylinux"),
    "yanked": st.just(False),
    "exclude_files": st.sampled_from([("*.EXE", "foo-1.0.*"), ("re:.*win.*",)]),
    "max_file_size": st.sampled_from([5, 50]),
    "uploaded_before": st.sampled_from([150.0, 250.0, 300.0]),
    "min_age": st.sampled_from([50.0, 150.0]),
    "min_age_exempt": st.sampled_from([("foo",), ("re:f.*",)]),
    "project_status": _listed("active", "archived"),
    "min_releases": st.sampled_from([2, 3]),
    "vulnerable": st.just(False),
    "max_project_size": st.sampled_from([10, 150]),
}


@st.composite
def _rules(draw: st.DrawFn, targets: st.SearchStrategy[tuple[Target, ...]]) -> Rules:
    """Make rules of which few are strict; many would refuse every file."""
    strict = sorted(draw(st.sets(st.sampled_from(sorted(_RULES)), max_size=3)))
    drawn = {key: draw(_RULES[key]) for key in strict}
    releases, prereleases = draw(st.sampled_from([None, 1, 2, 3])), draw(st.booleans())
    return replace(ALL, **drawn, releases=releases, prereleases=prereleases, targets=draw(targets))


TARGETS = st.lists(
    st.sampled_from([LINUX, LINUX_OLD, WINDOWS, MAC]), min_size=2, max_size=3, unique=True
).map(tuple)
NO_TARGETS = _rules(st.just(()))
ANY_RULES = _rules(st.just(()) | TARGETS)
CLOCKS = st.sampled_from([200.0, 260.0, 400.0])
STATUSES = st.sampled_from(["active", "active", "active", "archived", "quarantined"])
_KNOWN = st.dictionaries(st.sampled_from(VERSIONS), st.just("CVE-1"), max_size=2)
CASES = st.fixed_dictionaries({"now": CLOCKS, "vulnerable": _KNOWN})
"""What a selection depends on besides rules and requests."""

PINS = st.lists(
    st.builds(
        PinnedRelease,
        st.sampled_from(VERSIONS[:5]),
        st.sampled_from([0, 0, 1]),
        st.sampled_from([(), (), (f"sha256:{SHA256[0]}",), (f"sha256:{SHA256[1]}", "md5:" + "c" * 32)]),
    ),
    max_size=3,
).map(tuple)
SPECIFIERS = st.lists(st.sampled_from(["", "<2", ">=1.1", "==2.*", ">=2.0a1", "!=1.0"]), max_size=2)
WANTS = st.builds(ProjectRequest, st.booleans(), SPECIFIERS.map(tuple), PINS, st.just("projects"))
