"""Each reason of a decision, as `explain` shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from inline_snapshot import snapshot

from minimirror.selection import PinnedRelease, ProjectRequest, ProjectRules, Rules, select, unmet
from minimirror.simple_api import File
from tests.helpers.selecting import (
    ALL,
    LINUX,
    NEWEST,
    SHA256,
    WINDOWS,
    files,
    reasons,
    rules,
    sdist,
    sdists,
    wheel,
)

DAY = 86_400.0
TARGETS = replace(ALL, targets=(LINUX, WINDOWS))


def reason(name: str, applied: Rules, **entry: Any) -> str:
    (found,) = reasons(files(name, **entry), applied)
    return found


def pinned(page: list[File], *pins: PinnedRelease, applied: Rules = TARGETS) -> list[str]:
    return [each.reason for each in select(page, "foo", applied, ProjectRequest(False, pins=pins))]


def unmet_reason(page: list[File], pin: PinnedRelease, applied: Rules = TARGETS) -> str:
    ((_, found),) = unmet(select(page, "foo", applied, ProjectRequest(False, pins=(pin,))), (pin,), applied)
    return found


def test_rules_of_files() -> None:
    assert reason("foo-1.0.txt", ALL) == snapshot("unknown file type 'txt'")
    assert reason(sdist("1.0"), rules(package_types=("bdist_egg",))) == snapshot("sdist is not listed")
    assert reason(sdist("1.0"), rules(extensions=("whl",))) == snapshot("gz is not listed")
    assert reason(wheel("1.0"), rules(python_versions=("py2",))) == snapshot("py3 is not listed")
    linux = wheel("1.0", "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
    assert reason(linux, rules(platforms=("win",))) == snapshot(
        "manylinux_2_17_x86_64.manylinux2014_x86_64 is not listed"
    )
    assert reason(sdist("1.0"), rules(exclude_files=("*.exe", "*.tar.gz"))) == snapshot("matches *.tar.gz")
    assert reason(sdist("1.0"), rules(yanked=False), yanked="broken") == snapshot("yanked: broken")
    assert reason(sdist("1.0"), rules(yanked=False), yanked="") == snapshot("yanked")
    assert reason(sdist("1.0"), rules(max_file_size=1_000_000), size=2_500_000) == snapshot(
        "2.5 MB is more than 1.0 MB"
    )
    assert reason(sdist("1.0"), rules(uploaded_before=DAY)) == snapshot("the index gives no upload time")
    assert reason(sdist("1.0"), rules(uploaded_before=DAY), upload_time=2 * DAY) == snapshot(
        "uploaded 1970-01-03 00:00 UTC, not before 1970-01-02 00:00 UTC"
    )
    assert reason(sdist("1.0"), rules(min_age=DAY)) == snapshot("the index gives no upload time")
    assert reason(sdist("1.0"), rules(min_age=DAY), upload_time=0.0) == snapshot(
        "uploaded 1970-01-01 00:00 UTC, held back until 1970-01-02 00:00 UTC"
    )


def test_targets() -> None:
    assert reason(wheel("1.0", "cp311-cp311-win32.win_arm64"), TARGETS) == snapshot(
        "no target accepts cp311-cp311-win32.win_arm64"
    )
    assert reason("foo-1.0-py2.7.egg", TARGETS) == snapshot("no installer accepts a bdist_egg")
    assert reason(sdist("1.0"), TARGETS, requires_python=">=3.13") == snapshot(
        "requires Python >=3.13, which no target has"
    )
    assert reason(wheel("1.0", "cp311-cp311-win_amd64"), TARGETS, requires_python=">=3.12") == snapshot(
        "requires Python >=3.12, which no target with these tags has"
    )


def test_rules_of_releases() -> None:
    page = sdists("2.0", "1.0", "3.0a1", size=1000)
    assert reasons(page, NEWEST, "<3", ">4") == snapshot(
        ["not the newest release", "3.0a1 does not match <3 or >4"]
    )
    assert reasons(page, rules(prereleases=False, releases=1)) == snapshot(
        ["not the newest release", "3.0a1 is a pre-release"]
    )
    assert reasons(page, rules(releases=1)) == snapshot(["not the newest release", "not the newest release"])
    assert reasons(page[:2], replace(TARGETS, releases=1)) == snapshot(
        ["not the newest release for any target that accepts it"]
    )
    assert reasons([*page, *sdists("0.9")], rules(releases=2, prereleases=False)) == snapshot(
        ["3.0a1 is a pre-release", "not among the 2 newest releases"]
    )
    assert reasons(page[:2], rules(vulnerable=False), vulnerable={"1.0": "PYSEC-1"}) == snapshot(
        ["known vulnerabilities: PYSEC-1"]
    )
    assert reasons(page[:2], rules(max_project_size=1500)) == snapshot(
        ["1.0 kB is kept already; the 1.0 kB of 1.0 would exceed 1.5 kB"]
    )


def test_rules_of_projects() -> None:
    assert reasons(sdists("1.0"), ALL, status="quarantined") == snapshot(["the project is quarantined"])
    assert reasons(sdists("1.0"), rules(min_releases=2)) == snapshot(
        ["the project has 1 release, fewer than 2"]
    )
    projects = ProjectRules(["foo"], ["bar"])
    assert [projects.why_not(name) for name in ("foo", "bar", "baz")] == snapshot(
        [
            None,
            ("exclude_projects", "the project is excluded"),
            ("projects", "the project is not listed, and nothing needs it"),
        ]
    )


def test_one_file_per_name() -> None:
    (one,) = sdists("1.0", digests={"sha256": SHA256[0]})
    other = one._replace(digests={"sha256": SHA256[1]})
    assert reasons([one, one], ALL) == snapshot(["the page lists this file twice"])
    assert reasons([one, other], ALL) == snapshot(
        [
            "the page lists two different files with this name",
            "the page lists two different files with this name",
        ]
    )
    assert reasons([one, other._replace(filename="Foo-1.0.tar.gz")], ALL) == snapshot(
        ["the name differs from foo-1.0.tar.gz only in case, but it is another file"]
    )


def test_releases_that_targets_need() -> None:
    one, two = PinnedRelease("1.0", 0), PinnedRelease("1.1", 1)
    page = sdists("1.0", "1.1", "1.2")
    assert pinned(page, one, two) == snapshot(
        [
            "needed for cp3.12 on manylinux_2_28_x86_64",
            "needed for cp3.11 on win_amd64",
            "only 1.0 and 1.1 are needed",
        ]
    )
    assert pinned(page[:1]) == snapshot(["no release is needed"])
    assert pinned(page[:1], one, applied=ALL) == snapshot(["needed for any target"])
    windows = files(wheel("1.0", "cp311-cp311-win_amd64"))
    assert pinned(windows, one) == snapshot(
        ["1.0 is needed, but cp3.12 on manylinux_2_28_x86_64 does not accept it"]
    )
    digest = one._replace(digests=(f"sha256:{SHA256[0]}",))
    assert pinned(sdists("1.0", digests={"sha256": SHA256[1]}), digest) == snapshot(
        ["1.0 is needed, but its digest is not one of those required"]
    )
    assert pinned(sdists("1.0", digests={"md5": "d" * 32}), digest) == snapshot(
        ["needed for cp3.12 on manylinux_2_28_x86_64"]
    )


def test_releases_without_a_usable_file() -> None:
    pin = PinnedRelease("1.0", 0)
    assert unmet_reason(sdists("1.1"), pin) == snapshot("the index lists no file of 1.0")
    assert unmet_reason(files(wheel("1.0", "cp311-cp311-win_amd64")), pin) == snapshot(
        "cp3.12 on manylinux_2_28_x86_64 accepts no file of 1.0"
    )
    assert unmet_reason(sdists("1.0", requires_python=">=3.13"), pin) == snapshot(
        "cp3.12 on manylinux_2_28_x86_64 accepts no file of 1.0; it requires Python >=3.13"
    )
    wheels = files(*(wheel("1.0", f"py3{number}-none-any") for number in range(5)), size=9)
    on_windows = pin._replace(target=1)
    assert unmet_reason(wheels, on_windows, replace(TARGETS, max_file_size=5)).split("; ") == snapshot(
        [
            "cp3.11 on win_amd64 can use no file of 1.0: foo-1.0-py30-none-any.whl: 9 B is more than 5 B",
            "foo-1.0-py31-none-any.whl: 9 B is more than 5 B",
            "foo-1.0-py32-none-any.whl: 9 B is more than 5 B",
            "and 2 more",
        ]
    )
