"""Select from a page of 4,000 files, in a separate process, through minimirror's library.

Prints, as JSON, the microseconds of CPU that a file takes with each set of rules: the best of some runs.
"""

import json
import sys
import time
from dataclasses import replace

from minimirror.distributions import Target
from minimirror.selection import PinnedRelease, ProjectRequest, Rules, select
from minimirror.simple_api import File

__all__ = ["measure"]

FILES = 4000
RUNS = 20
NOW = 2e9

_PYTHONS = ("cp310", "cp311", "cp312", "cp313")
_PLATFORMS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "musllinux_1_2_x86_64",
    "macosx_11_0_arm64",
    "win_amd64",
)
_TARGETS = (
    Target("3.10", "musllinux_1_2_x86_64"),
    Target("3.11", "win_amd64"),
    Target("3.12", "manylinux_2_28_x86_64"),
    Target("3.13", "macosx_12_0_arm64"),
)
_DIGEST = "a" * 64


def _page() -> list[File]:
    """Return the files of a project with wheels for many, whose newer releases need newer Pythons."""
    tags = [f"{python}-{python}-{platform}.whl" for python in _PYTHONS for platform in _PLATFORMS]
    endings = [".tar.gz", *(f"-{tag}" for tag in (*tags, "py3-none-any.whl"))]
    page = []
    for number in range(FILES):
        release, ending = divmod(number, len(endings))
        name = f"demo-{release // 20}.{release % 20}.1{endings[ending]}"
        python = f">=3.{7 + release // 30}"
        page.append(
            File(name, f"https://example.org/{name}", {"sha256": _DIGEST}, 1000, 1e9 + release, python)
        )
    return page


def measure() -> dict[str, float]:
    """Return the microseconds of CPU a file, by what the rules have."""
    plain = Rules(None, None, None, None, releases=1, prereleases=False, yanked=False)
    targets = replace(plain, targets=_TARGETS)
    every = replace(
        targets,
        package_types=frozenset({"bdist_wheel", "sdist"}),
        extensions=frozenset({"whl", "gz"}),
        python_versions=frozenset({"py3", *_PYTHONS, "source"}),
        platforms=frozenset({"any", "linux", "macosx", "win"}),
        releases=3,
        exclude_files=("*.exe", "demo-0.0.*", r"re:.*-\d+\.rc\d+-.*"),
        max_file_size=10**6,
        uploaded_before=1.9e9,
        min_age=86_400.0,
        min_age_exempt=("other-*",),
        project_status=frozenset({"active"}),
        min_releases=2,
        vulnerable=False,
        max_project_size=10**6,
    )
    request = ProjectRequest(
        specifiers=(">=1", "==0.5.*"),
        pins=(PinnedRelease("1.2.1", 0), PinnedRelease("2.0.1", 3, (f"sha256:{_DIGEST}",))),
    )
    page = _page()
    return {
        "no targets": _time(page, plain, ProjectRequest()),
        "4 targets": _time(page, targets, ProjectRequest()),
        "4 targets, all rules": _time(page, every, request),
    }


def _time(page: list[File], rules: Rules, request: ProjectRequest) -> float:
    times = []
    for _ in range(RUNS):
        begun = time.process_time()
        decisions = select(page, "demo", rules, request, now=NOW, vulnerable={"7.0.1": "CVE-1"})
        times.append(time.process_time() - begun)
        if not any(each.wanted for each in decisions):
            raise SystemExit("the rules want nothing, so that most of them were not applied")
    return min(times) / len(page) * 1e6


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)
