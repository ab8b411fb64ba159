"""Dependencies, resolved by the real uv over a loopback index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror.distributions.targets import Target
from minimirror.resolution.uv import ResolveError
from minimirror.selection import select
from minimirror.simple_api import File, Page
from minimirror.upstream.index import Index
from tests.helpers import distributions, selecting
from tests.helpers.index import UPLOADED, Gate
from tests.helpers.resolving import LINUX, MACOS, WINDOWS, Resolver, requirements, versions
from tests.helpers.running import DEADLINE, SOURCES, alive, descendants, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.index import Index as Server


class TestTargets:
    def test_markers_are_those_of_the_target(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=['colorama; sys_platform == "win32"', "dep"])
        index.add_wheel("colorama", "0.4")
        index.add_wheel("dep", "1.0", requires=['backport; python_version < "3.12"'])
        index.add_wheel("backport", "2")
        old = Target("3.11", "manylinux_2_28_aarch64")
        assert versions(Resolver(index, LINUX, WINDOWS, MACOS, old)("demo")) == [
            ["demo 1.0", "dep 1.0"],
            ["colorama 0.4", "demo 1.0", "dep 1.0"],
            ["demo 1.0", "dep 1.0"],
            ["backport 2", "demo 1.0", "dep 1.0"],
        ]

    def test_requires_python_applies_to_each_target(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires_python=">=3.8")
        index.add_wheel("demo", "2.0", requires_python=">=3.12")
        targets = LINUX, Target("3.11", "manylinux_2_28_x86_64")
        assert versions(Resolver(index, *targets)("demo")) == [["demo 2.0"], ["demo 1.0"]]

    def test_each_target_gets_the_newest_release_that_has_a_wheel_for_it(self, index: Server) -> None:
        for version, tag in [
            ("1", "cp38-abi3-manylinux_2_17_x86_64"),
            ("2", "cp312-cp312-macosx_10_13_universal2"),
            ("3", "cp312-cp312-manylinux_2_34_x86_64"),
            ("4", "cp312-cp312-win_arm64"),
            ("5", "cp313-cp313-manylinux_2_17_x86_64"),
        ]:
            index.add_wheel("demo", version, tag=tag)
        found = Resolver(index, LINUX, MACOS, Target("3.12", "manylinux_2_34_x86_64"), WINDOWS)("demo")
        assert versions(found[:3]) == [["demo 1"], ["demo 2"], ["demo 3"]]
        assert "demo" in (found[3].failure or "")

    def test_finds_wheels_for_a_single_platform(self, index: Server) -> None:
        platforms = [
            ("linux_x86_64", "linux_x86_64"),
            ("manylinux_2_24_x86_64", "manylinux_2_24_x86_64"),
            ("manylinux_2_99_x86_64", "manylinux_2_40_x86_64"),
            ("manylinux2014_aarch64", "manylinux_2_17_aarch64"),
            ("musllinux_1_2_aarch64", "musllinux_1_1_aarch64"),
            ("macosx_14_2_x86_64", "macosx_14_0_x86_64"),
            ("win32", "win32"),
            ("win_arm64", "win_arm64"),
        ]
        for version, (_, tag) in enumerate(platforms):
            index.add_wheel("demo", str(version), tag=f"cp312-cp312-{tag}")
        index.add_wheel("demo", "99", tag="cp312-cp312-manylinux_3_0_x86_64")
        found = Resolver(index, *(Target("3.12", platform) for platform, _ in platforms))("demo")
        assert versions(found) == [[f"demo {version}"] for version in range(len(platforms))]

    def test_a_target_that_uv_does_not_support_fails_alone(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        others = [
            Target("3.12", "manylinux_2_28_i686"),
            Target("3.10", "manylinux_2_28_x86_64", "pp", "pypy310_pp73"),
            Target("3.13", "manylinux_2_28_x86_64", abi="cp313t"),
            Target("3.12", "freebsd_14_1_release_amd64"),
        ]
        found = Resolver(index, *others, LINUX)("demo")
        for target, each in zip(others, found, strict=False):
            assert str(target) in (each.failure or "")
            assert "lock file" in (each.failure or "")
        assert versions(found[-1]) == ["demo 1.0"]


class TestRequests:
    def test_requirements_with_constraints(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["dep", 'plus>=1; extra == "more"'])
        index.add_wheel("other", "1.0")
        for version in "1", "2", "3":
            index.add_wheel("dep", version)
            index.add_wheel("plus", version)
        request = requirements(
            "in.txt", "Demo[more]", "other", constraints=["dep<3", "plus==1", "unneeded<1"]
        )
        (found,) = Resolver(index).all(request)
        assert versions(found) == ["demo 1.0", "dep 2", "other 1.0", "plus 1"]
        assert [each.chain for each in found.needed] == [
            ("in.txt", "demo"),
            ("in.txt", "demo", "dep"),
            ("in.txt", "other"),
            ("in.txt", "demo", "plus"),
        ]

    def test_requests_may_contradict_each_other(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0")
        old, new = requirements("old", "demo<2"), requirements("new", "demo>=2")
        found = Resolver(index, LINUX, WINDOWS).all(old, new)
        assert [(each.needed[0].chain[0], versions(each)) for each in found] == [
            ("old", ["demo 1.0"]),
            ("old", ["demo 1.0"]),
            ("new", ["demo 2.0"]),
            ("new", ["demo 2.0"]),
        ]
        assert index.pages_read() == {"demo": 1}

    def test_without_requests_nothing_is_fetched(self, index: Server) -> None:
        assert Resolver(index).all() == []
        assert index.requests == []

    def test_the_chain_is_the_shortest(self, index: Server) -> None:
        index.add_wheel("a", "1", requires=["b", "c"])
        index.add_wheel("b", "1", requires=["c", "a"])
        index.add_wheel("c", "1", requires=["d"])
        index.add_wheel("d", "1", requires=["a"])
        found = Resolver(index).one("a")
        assert {each.project: " → ".join(each.chain) for each in found.needed} == {
            "a": "a → a",
            "b": "a → a → b",
            "c": "a → a → c",
            "d": "a → a → c → d",
        }

    def test_a_misspelt_extra_is_a_warning(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        (warning,) = Resolver(index).one("demo[moer]").warnings
        assert "moer" in warning

    def test_pre_releases_are_used_if_they_are_requested(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0rc1")
        plain, named = requirements("plain", "demo"), requirements("named", "demo>=2.0rc1")
        assert versions(Resolver(index).all(plain, named)) == [["demo 1.0"], ["demo 2.0rc1"]]
        assert versions(Resolver(index, prereleases=True).one("demo")) == ["demo 2.0rc1"]

    def test_a_yanked_release_is_used_if_it_is_pinned(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0", yanked="broken")
        plain, pinned = requirements("plain", "demo"), requirements("pinned", "demo==2.0")
        assert versions(Resolver(index).all(plain, pinned)) == [["demo 1.0"], ["demo 2.0"]]


class TestIndex:
    def test_an_index_that_lists_only_names(self, index_factory: Callable[..., Server]) -> None:
        server = index_factory(formats={"html"}, serials=False, etags=False, digests=False)
        server.add_wheel("demo", "1.0", requires=["dep"], upload_time=None, size=False, padding=300_000)
        server.add_wheel("dep", "1.0", requires=["deep"], upload_time=None, size=False)
        server.add_wheel("deep", "1.0", upload_time=None, size=False)
        server.add_wheel("dep", "0.9", upload_time=None, size=False)
        assert versions(Resolver(server).one("demo")) == ["deep 1.0", "demo 1.0", "dep 1.0"]
        # Only the wheels' ends were read.
        assert {exchange.status for exchange in server.requests if "/files/" in exchange.path} == {206}
        server.ranges = False
        assert versions(Resolver(server).one("demo")) == ["deep 1.0", "demo 1.0", "dep 1.0"]

    def test_metadata_files_are_preferred_to_wheels(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["dep"], core_metadata=True)
        index.add_wheel("dep", "1.0", core_metadata=True)
        assert versions(Resolver(index, LINUX, WINDOWS)("demo")) == [["demo 1.0", "dep 1.0"]] * 2
        assert index.files_fetched() == {
            "demo-1.0-py3-none-any.whl.metadata": 1,
            "dep-1.0-py3-none-any.whl.metadata": 1,
        }

    def test_the_consulted_pages_show_whether_to_resolve_again(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["dep"])
        index.add_wheel("dep", "1.0")
        found = Resolver(index).one("demo")
        assert found.consulted.keys() == {"demo", "dep"}
        asked = Index(index.url)
        validators = {name: validator or "" for name, validator in found.consulted.items()}
        assert not any(asked.changed(name, validator) for name, validator in validators.items())
        index.add_wheel("dep", "2.0")
        assert [name for name, validator in validators.items() if asked.changed(name, validator)] == ["dep"]

    def test_the_rules_apply(self, index: Server) -> None:
        now = UPLOADED.timestamp() + 10 * 86400
        index.add_wheel("demo", "1.0", requires=["dep"])
        index.add_wheel("demo", "2.0", upload_time=UPLOADED + timedelta(days=9))
        for version in "1", "2", "2.1":
            index.add_wheel("dep", version)
        rules = selecting.rules(targets=(LINUX,), min_age=7 * 86400.0, exclude_files=("dep-2.1-*",))

        def allowed(project: str, page: Page, number: int | None) -> list[File]:
            of_target = rules.for_resolver(number or 0)
            return [each.file for each in select(page.files, project, of_target, now=now) if each.wanted]

        assert versions(Resolver(index, allowed=allowed).one("demo")) == ["demo 1.0", "dep 2"]

    def test_credentials_stay_with_minimirrors_own_client(
        self, index_factory: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = index_factory(auth=("user", "open sesame"))
        server.add_wheel("demo", "1.0", requires=["dep"], core_metadata=True)
        server.add_wheel("dep", "1.0")
        monkeypatch.setenv("UV_INDEX_URL", "http://user:sesame@index.example.org/simple/")
        monkeypatch.setenv("MINIMIRROR_PASSWORD", "sesame")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("HTTPS_PROXY", "http://user:sesame@proxy.example.org/")
        url = server.url.replace("://", "://user:open%20sesame@")
        gate = server.hold("dep")
        with ThreadPoolExecutor(1) as executor, gate:
            found = executor.submit(lambda: Resolver(server, url=url).one("demo"))
            assert gate.reached.wait(DEADLINE)
            (uv,) = [pid for pid, _ in descendants(os.getpid()) if _program(pid) == "uv"]
            arguments, environment = (
                Path(f"/proc/{uv}/{name}").read_bytes() for name in ("cmdline", "environ")
            )
            # Anyone on the machine can read the arguments.
            assert b"127.0.0.1" not in arguments
            assert b"UV_DEFAULT_INDEX=http://127.0.0.1" in environment
            assert b"sesame" not in arguments + environment
            gate.release()
            assert versions(found.result()) == ["demo 1.0", "dep 1.0"]
        assert server.requests
        assert {exchange.status for exchange in server.requests} <= {200, 206}

    def test_a_local_project_is_never_requested(self, index: Server, tmp_path: Path) -> None:
        index.add_wheel("app", "1.0", requires=["mine"])
        index.add_wheel("mine", "99.0", requires=["evil"])
        index.add_wheel("dep", "1.0")
        own = tmp_path / distributions.wheel_filename("mine", "1.0")
        own.write_bytes(distributions.wheel("mine", "1.0", requires=["dep"]))
        foreign = tmp_path / "mine-2.0-cp27-cp27m-win32.whl"
        foreign.write_bytes(b"")
        files = {"mine": [own, foreign]}
        found = Resolver(index, local_files=lambda project: files.get(project, [])).one("app")
        assert versions(found) == ["app 1.0", "dep 1.0"]
        assert found.needed[1].chain == ("app", "app", "mine", "dep")
        assert found.consulted.keys() == {"app", "dep"}
        assert not [exchange.path for exchange in index.requests if "mine" in exchange.path]


class TestRefusedReleases:
    def test_another_release_is_chosen(self, index: Server) -> None:
        index.add_wheel("demo", "1.0", requires=["dep"])
        for version in "1", "2", "3":
            index.add_wheel("dep", version)
        bad = {("dep", "3"): "CVE-1", ("dep", "2"): "CVE-2"}
        found = Resolver(index, why_refused=lambda *release: bad.get(release)).one("demo")
        assert versions(found) == ["demo 1.0", "dep 1"]

    def test_if_none_is_left_all_refused_releases_are_named(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        index.add_wheel("demo", "2.0")
        failure = Resolver(index, why_refused=lambda _, version: f"CVE of {version}").failure("demo")
        assert "demo 1.0 is excluded: CVE of 1.0." in failure
        assert "demo 2.0 is excluded: CVE of 2.0." in failure

    def test_it_gives_up(self, index: Server) -> None:
        for version in range(25):
            index.add_wheel("demo", str(version))
        failure = Resolver(index, why_refused=lambda *_: "no").failure("demo")
        assert "20 attempts" in failure


class TestHashes:
    def test_only_files_with_a_pinned_hash_are_used(self, index: Server) -> None:
        old = index.add_wheel("demo", "1.0", requires=["dep"])
        index.add_wheel("demo", "2.0")
        index.add_wheel("dep", "1.0")
        digests = {f"sha256:{old.sha256}", "sha256:" + 64 * "0"}
        found = Resolver(index).one("demo", hashes={"demo": digests})
        assert versions(found) == ["demo 1.0", "dep 1.0"]
        assert [each.digests for each in found.needed] == [tuple(sorted(digests)), ()]

    def test_an_index_that_does_not_tell_them(self, index: Server) -> None:
        """The release is chosen, and whoever fetches its files checks them."""
        index.add_wheel("demo", "1.0", hashes={"md5": "0" * 32})
        digest = "sha256:" + 64 * "0"
        found = Resolver(index).one("demo==1.0", hashes={"demo": [digest]})
        assert [each.digests for each in found.needed] == [(digest,)]

    def test_no_file_matches(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        failure = Resolver(index).failure("demo==1.0", hashes={"demo": ["sha256:" + 64 * "0"]})
        assert "demo matches its pinned hashes" in failure

    def test_local_files_must_match_too(self, index: Server, tmp_path: Path) -> None:
        own = tmp_path / distributions.wheel_filename("mine", "1.0")
        own.write_bytes(distributions.wheel("mine", "1.0"))
        resolver = Resolver(index, local_files=lambda _: [own])
        failure = resolver.failure("mine", hashes={"mine": ["sha256:" + 64 * "0"]})
        assert "mine matches its pinned hashes" in failure


class TestProcess:
    def test_uv_is_missing(self, index: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "uv", None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(ResolveError, match=r"needs uv, .*pip install"):
            Resolver(index)("demo")

    def test_a_resolution_that_takes_too_long_fails(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        with index.hold("demo"):
            assert "longer than 1 s" in Resolver(index, timeout=1).failure("demo")

    def test_ctrl_c_ends_uv(self, index: Server, tmp_path: Path) -> None:
        index.add_wheel("demo", "1.0")
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent(f"""
                from minimirror.upstream.index import Index, Indexes
                from minimirror.resolution.uv import resolve
                from minimirror.distributions.targets import Target
                from tests.helpers.resolving import OpenPolicy, requirements

                targets = [Target("3.12", "win_amd64"), Target("3.12", "win32")]
                request = requirements("demo", "demo")
                indexes = Indexes([Index({index.url!r})], lambda _: 0)
                resolve([(request, 0), (request, 1)], targets, indexes, OpenPolicy(*targets))
            """)
        )
        environment = {**os.environ, "PYTHONPATH": str(SOURCES), "TMPDIR": str(tmp_path)}
        gate: Gate = index.hold("demo")
        with subprocess.Popen(
            [sys.executable, script], env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            assert gate.reached.wait(DEADLINE)
            until(lambda: len(_uvs(process.pid)) == 2, "two uv run")
            uvs = _uvs(process.pid)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=DEADLINE)
        assert said.splitlines()[-1] == "KeyboardInterrupt"
        assert not any(alive(uv) for uv in uvs)
        assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def _uvs(pid: int) -> list[int]:
    return [child for child, _ in descendants(pid) if _program(child) == "uv"]
