"""What targets need, one thing at a time: after a run, the folder has exactly that."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from minimirror.common.report import Summary
from tests.helpers import distributions
from tests.helpers.index import Index
from tests.helpers.installers import install
from tests.helpers.running import Mirror, minimirror_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}
ON_LINUX = "cp3.12 on manylinux_2_28_x86_64"
OLD = {"python": "3.9", "platform": "manylinux_2_17_aarch64"}
WINDOWS = {"python": "3.12", "platform": "win_amd64"}
MACOS = {"python": "3.13", "platform": "macosx_12_0_arm64"}


def write(folder: Path, **files: str) -> list[str]:
    """Write requirement files, and return the config's `requirements`."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return [str(folder / f"{name}.txt") for name in files]


def of(mirror: Mirror, *projects: str) -> set[str]:
    """Return the files of these projects in the folder."""
    return {name for name in mirror.names() if name.partition("-")[0] in projects}


class Ran(Mirror):
    """A mirror that has run once, for tests that change nothing."""

    summary: Summary


@pytest.fixture(scope="module")
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def mirror(servers: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Each requirement file shows one thing, for four targets."""
    index = servers.enter_context(Index())
    folder = tmp_path_factory.mktemp("closure")
    index.add_wheel("marked", "1.0", requires=['windowed; sys_platform == "win32"', "unmarked"])
    index.add_wheel("windowed", "1.0", requires=['deeper; os_name == "nt" and platform_machine == "AMD64"'])
    index.add_wheel("extras", "1.0", requires=['asked; extra == "fast"', 'unasked; extra == "slow"'])
    for version in ("1.0", "2.0", "3.0"):
        index.add_wheel("limited", version, requires=["inner"])
        index.add_wheel("inner", version)
        index.add_wheel("pinned", version)
        index.add_wheel("pinned", version, tag="cp312-cp312-win_amd64")
    for project in ("unmarked", "deeper", "asked", "unasked", "unlisted"):
        index.add_wheel(project, "1.0")
    for tag in ("cp38-abi3-win_amd64", "cp313-abi3-win_amd64", "cp38-abi3-win32", "cp312-cp312t-win_amd64"):
        index.add_wheel("stable", "1.0", tag=tag)
    for platform in ("macosx_10_13_universal2", "macosx_13_0_arm64", "macosx_10_13_x86_64"):
        index.add_wheel("universal", "1.0", tag=f"cp313-cp313-{platform}")
    index.add_wheel("aging", "1.0")
    index.add_wheel("aging", "2.0", requires_python=">=3.10")
    index.add_wheel("aging", "3.0", requires_python=">=3.13")
    index.add_wheel("sloppy", "1.0", requires_python=">=3.8 <4")
    digest = index.projects["pinned"].files[2].sha256
    (folder / "constraints.in").write_text("limited<3\ninner==1.0\nunlisted==1.0\n")
    requirements = write(
        folder,
        marker="marked\n",
        extra="Extras[fast]\n",
        constraint="-c constraints.in\nlimited\n",
        abi3='stable; sys_platform == "win32"\n',
        universal2='universal; sys_platform == "darwin"\n',
        python="aging\nsloppy\n",
        hashes=f"pinned==2.0 --hash=sha256:{digest}\n",
    )
    mirror = Ran(
        index, folder / "repository", requirements=requirements, targets=[LINUX, OLD, WINDOWS, MACOS]
    )
    mirror.summary = mirror.complete()
    return mirror


class TestNeeded:
    def test_windows_only_marker(self, mirror: Ran) -> None:
        """The mirror runs on Linux, and one of the dependencies is needed only on Windows."""
        assert of(mirror, "marked", "unmarked", "windowed", "deeper") == {
            "marked-1.0-py3-none-any.whl",
            "unmarked-1.0-py3-none-any.whl",
            "windowed-1.0-py3-none-any.whl",
            "deeper-1.0-py3-none-any.whl",
        }

    def test_extra(self, mirror: Ran) -> None:
        assert of(mirror, "extras", "asked", "unasked") == {
            "extras-1.0-py3-none-any.whl",
            "asked-1.0-py3-none-any.whl",
        }

    def test_constraint(self, mirror: Ran) -> None:
        """It limits a requirement, a dependency, and a project that nothing needs."""
        assert of(mirror, "limited", "inner", "unlisted") == {
            "limited-2.0-py3-none-any.whl",
            "inner-1.0-py3-none-any.whl",
        }

    def test_abi3_wheel(self, mirror: Ran) -> None:
        """A target uses the stable ABI of older Pythons, but not of newer or free-threaded ones."""
        assert of(mirror, "stable") == {"stable-1.0-cp38-abi3-win_amd64.whl"}

    def test_universal2_wheel(self, mirror: Ran) -> None:
        """A target uses wheels for an older macOS, but not for a newer one."""
        assert of(mirror, "universal") == {"universal-1.0-cp313-cp313-macosx_10_13_universal2.whl"}

    def test_the_newest_release_does_not_support_every_target(self, mirror: Ran) -> None:
        """Each target gets the newest release that it can use."""
        assert of(mirror, "aging") == {f"aging-{newest}.0-py3-none-any.whl" for newest in (1, 2, 3)}

    def test_an_invalid_requires_python_is_no_bound(self, mirror: Ran) -> None:
        """As in pip; uv would find no release. It is noted."""
        assert of(mirror, "sloppy") == {"sloppy-1.0-py3-none-any.whl"}
        assert [note for note in mirror.summary.notes if "sloppy" in note and ">=3.8 <4" in note]

    def test_pinned_hash(self, mirror: Ran) -> None:
        """Only the file with that hash is mirrored, although the target could use another one."""
        assert of(mirror, "pinned") == {"pinned-2.0-py3-none-any.whl"}

    def test_nothing_else(self, mirror: Ran) -> None:
        assert len(mirror.names()) == mirror.summary.files_wanted == 15


@pytest.fixture(scope="module")
def ruled(servers: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One project and requirement file per rule, each with a release 2.0 that the rule refuses."""
    index = servers.enter_context(Index())
    folder = tmp_path_factory.mktemp("ruled")
    now = datetime.now(timezone.utc)
    for project in ("young", "exempt", "late", "large", "named", "harmful", "harmless", "withdrawn", "early"):
        index.add_wheel(project, "1.0")
    index.add_wheel("young", "2.0", upload_time=now - timedelta(days=2))
    index.add_wheel("young", "3.0", upload_time=None)
    index.add_wheel("exempt", "2.0", upload_time=now - timedelta(days=2))
    index.add_wheel("late", "2.0", upload_time=now - timedelta(hours=1))
    index.add_wheel("large", "2.0", padding=60_000)
    index.add_wheel("named", "2.0", tag="py2.py3-none-any")
    for project in ("harmful", "harmless"):
        index.add_wheel(project, "2.0")
    index.vulnerable("harmful", "2.0", "PYSEC-2024-1")
    index.vulnerable("harmless", "2.0", "PYSEC-2024-2", withdrawn="2024-05-06T07:08:09Z")
    index.add_wheel("withdrawn", "0.9")
    index.add_wheel("withdrawn", "2.0", yanked=True)
    index.add_wheel("early", "2.0b1")
    for project in ("archived", "lonely", "excluded"):
        index.add_wheel(project, "1.0")
    for project in ("archived", "excluded"):
        index.add_wheel(project, "2.0")
    index.status("archived", "archived")
    mirror = Ran(
        index,
        folder / "repository",
        requirements=write(folder, **{project: project for project in index.projects}),
        targets=[LINUX],
        min_age="7 days",
        min_age_exempt=["re:(exempt|late)"],
        uploaded_before=(now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%MZ"),
        max_file_size="50 kB",
        exclude_files=["re:named-.*-py2[.]py3-.*"],
        vulnerable="exclude",
        project_status=["active"],
        min_releases=2,
        exclude_projects=["re:ex.*ed"],
    )
    mirror.summary = mirror.run()
    return mirror


class TestRules:
    @pytest.mark.parametrize(
        ("project", "version"),
        [
            ("young", "1.0"),
            ("exempt", "2.0"),
            ("late", "1.0"),
            ("large", "1.0"),
            ("named", "1.0"),
            ("harmful", "1.0"),
            ("harmless", "2.0"),
            ("withdrawn", "1.0"),
            ("early", "1.0"),
        ],
    )
    def test_the_resolver_chooses_from_what_they_allow(self, ruled: Ran, project: str, version: str) -> None:
        assert of(ruled, project) == {f"{project}-{version}-py3-none-any.whl"}

    @pytest.mark.parametrize(
        ("project", "reason"),
        [
            ("archived", f"No file of archived for {ON_LINUX}"),
            ("lonely", f"No file of lonely for {ON_LINUX}"),
            ("excluded", "`exclude_projects` excludes excluded"),
        ],
    )
    def test_a_project_whose_files_are_all_refused_is_a_failure(
        self, ruled: Ran, project: str, reason: str
    ) -> None:
        (failure,) = [each for each in ruled.summary.failures if each.project.endswith(f"{project}.txt")]
        assert f"cannot be resolved for {ON_LINUX}: " in failure.cause
        assert reason in failure.cause
        assert of(ruled, project) == set()

    def test_nothing_else_fails(self, ruled: Ran) -> None:
        assert len(ruled.summary.failures) == 3
        assert len(ruled.names()) == 9


class TestSdistOnly:
    @pytest.fixture
    def mirror(self, index: Index, repository: Path, tmp_path: Path) -> Mirror:
        index.add_wheel("app", "1.0", requires=["legacy"])
        index.add_sdist("legacy", "1.0")
        index.add_wheel("other", "1.0")
        requirements = write(tmp_path, app="app\n", other="other\n")
        return Mirror(index, repository, requirements=requirements, targets=[LINUX])

    def test_the_error_names_who_needs_it(self, mirror: Mirror) -> None:
        """The other requirements are mirrored."""
        command = minimirror_command("run", "--config", mirror.config())
        assert command.exit_code == 1
        (missing,) = [line for line in command.stdout.splitlines() if line.startswith("failed: ")]
        assert missing.startswith(f"failed: app.txt: cannot be resolved for {ON_LINUX}: ")
        for told in (
            "legacy==1.0 has no usable wheels",
            "all versions of app depend on legacy",
            '"build": true',
        ):
            assert told in missing
        assert mirror.names() == {"other-1.0-py3-none-any.whl"}

    def test_it_is_built_if_that_is_allowed(self, mirror: Mirror, tmp_path: Path) -> None:
        mirror.complete(build=True)
        assert of(mirror, "app", "legacy") == {"app-1.0-py3-none-any.whl", "legacy-1.0.tar.gz"}
        assert install(mirror.path, tmp_path / "to", "app") == {"app==1.0", "legacy==1.0"}


def test_one_target_that_cannot_be_resolved(index: Index, repository: Path, tmp_path: Path) -> None:
    """The others are mirrored, and the exit code and uv's explanation show the failure."""
    index.add_wheel("app", "1.0", requires=["base>=2; sys_platform == 'win32'", "base"])
    index.add_wheel("base", "1.0")
    index.add_wheel("other", "1.0")
    mirror = Mirror(
        index,
        repository,
        requirements=write(tmp_path, app="app\n", other="other\n"),
        targets=[LINUX, WINDOWS, MACOS],
    )
    command = minimirror_command("run", "--config", mirror.config(), "--json")
    assert command.exit_code == 1
    assert command.stdout.count('"cause"') == 1
    assert "failed: app.txt: cannot be resolved for cp3.12 on win_amd64: Because only base" in command.stderr
    assert mirror.names() == {f"{project}-1.0-py3-none-any.whl" for project in ("app", "base", "other")}


class TestReleases:
    def test_the_newest_releases_of_needed_projects(
        self, index: Index, repository: Path, tmp_path: Path
    ) -> None:
        """The resolved release is mirrored too, even if it is not among them."""
        for version in ("1.0", "2.0", "3.0", "4.0"):
            index.add_wheel("app", version, requires=["base<2"])
            index.add_wheel("base", version)
        (requirements,) = write(tmp_path, app="app<4\n")
        mirror = Mirror(
            index, repository, requirements=[requirements], targets=[LINUX, MACOS], closure="releases"
        )
        mirror.complete(releases=2)
        assert {name.partition("-py3")[0] for name in mirror.names()} == {
            *("app-4.0", "app-3.0"),
            *("base-4.0", "base-3.0", "base-1.0"),
        }
        mirror.complete(releases=2, closure="resolved")
        assert {name.partition("-py3")[0] for name in mirror.names()} == {"app-3.0", "base-1.0"}


class TestDependencies:
    def test_names_specifiers_and_patterns(self, index: Index, repository: Path) -> None:
        """Each is resolved separately: what one needs does not limit the other."""
        index.add_wheel("app", "2.0", requires=["base<2"])
        index.add_wheel("tool", "1.0", requires=["base", 'windowed; sys_platform == "win32"'])
        index.add_wheel("tool", "2.0", requires=["unneeded"])
        index.add_wheel("acme-web", "1.0", requires=["acme-base"])
        index.add_wheel("acme-old", "1.0", requires=["unneeded"])
        for project in ("windowed", "acme-base", "unneeded"):
            index.add_wheel(project, "1.0")
        for version in ("1.0", "2.0"):
            index.add_wheel("base", version)
        mirror = Mirror(
            index,
            repository,
            projects=["app", "tool<2", "acme-*"],
            exclude_projects=["acme-old"],
            dependencies=True,
            targets=[LINUX, WINDOWS],
        )
        mirror.complete()
        assert {name.partition("-py3")[0] for name in mirror.names()} == {
            *("app-2.0", "tool-1.0", "acme_web-1.0"),
            *("base-1.0", "base-2.0", "windowed-1.0", "acme_base-1.0"),
        }
        assert mirror.complete(dependencies=False).files_removed == 3


class TestPinnedDigests:
    """The index tells another digest or none, and the files are checked when they arrive."""

    @pytest.mark.parametrize("told", [(), ("md5",), ("sha512",)])
    @pytest.mark.parametrize("pinned", ["sha256", "sha384"])
    def test_are_demanded_of_the_download(
        self, told: tuple[str, ...], pinned: str, index: Index, tmp_path: Path
    ) -> None:
        content = distributions.wheel("demo", "1.0")
        hashes = {name: hashlib.new(name, content).hexdigest() for name in told} or False
        index.add("demo", "demo-1.0-py3-none-any.whl", content, hashes=hashes)
        right = f"--hash={pinned}:{hashlib.new(pinned, content).hexdigest()}"
        wrong = f"--hash=sha256:{'0' * 64}"
        requirements = write(tmp_path, r=f"demo==1.0 {wrong}\n")
        mirror = Mirror(index, tmp_path / "mirror", requirements=requirements, targets=[LINUX], retries=0)
        (failure,) = mirror.run().failures
        assert "0" * 64 in failure.cause
        assert hashlib.sha256(content).hexdigest() in failure.cause
        assert mirror.names() == set()
        write(tmp_path, r=f"demo==1.0 {wrong} {right}\n")
        for fetched in (1, 0):
            assert mirror.complete().files_fetched == fetched
        assert mirror.names() == {"demo-1.0-py3-none-any.whl"}
