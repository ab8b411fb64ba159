"""Targets: which wheels they accept, compared with what pip accepts there."""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker, default_environment
from packaging.tags import sys_tags

from minimirror.distributions import Target, target_of_this_machine
from tests.helpers.machines import Machine, recorded

MACHINES = recorded()
LINUX = "manylinux_2_28_x86_64"


class TestThisMachine:
    def test_accepts_what_packaging_accepts(self) -> None:
        assert target_of_this_machine().tags == set(map(str, sys_tags()))

    def test_accepts_what_pip_accepts(self) -> None:
        told = subprocess.run(
            [sys.executable, "-m", "pip", "debug", "--verbose"], capture_output=True, text=True, check=True
        ).stdout
        _, _, listed = told.partition("Compatible tags: ")
        count, *tags = listed.split()
        assert len(tags) == int(count)
        assert target_of_this_machine().tags == set(tags)

    def test_has_the_markers_of_its_environment(self) -> None:
        of_one_machine = {"platform_release": "", "platform_version": ""}
        assert target_of_this_machine().markers() == {**default_environment(), **of_one_machine}

    def test_is_known_by_its_c_library(self) -> None:
        assert not target_of_this_machine().platform.startswith("linux_")

    def test_a_linux_without_manylinux(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(platform, "system", lambda: "Linux")
        monkeypatch.setattr(sysconfig, "get_platform", lambda: "linux-armv6l")
        assert target_of_this_machine().platform == "linux_armv6l"

    def test_a_mac(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(platform, "system", lambda: "Darwin")
        monkeypatch.setattr(platform, "mac_ver", lambda: ("14.4", ("", "", ""), "arm64"))
        assert target_of_this_machine().platform == "macosx_14_0_arm64"

    def test_another_implementation_has_its_abi(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = sysconfig.get_config_var
        suffix = {"EXT_SUFFIX": ".graalpy-311-native-x86_64-linux.so"}
        monkeypatch.setattr(sysconfig, "get_config_var", lambda name: suffix.get(name) or real(name))
        monkeypatch.setattr(sys.implementation, "name", "graalpy")
        target = target_of_this_machine()
        assert (target.implementation, target.abi) == ("graalpy", "graalpy_311_native")


class TestOtherMachines:
    @pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
    def test_accept_what_pip_accepts_there(self, machine: Machine) -> None:
        assert machine.target.tags == machine.tags

    @pytest.mark.parametrize(
        "machine",
        # Python 2 does not tell its implementation.
        [each for each in MACHINES if each.markers.get("implementation_name")],
        ids=lambda machine: machine.name,
    )
    def test_have_the_markers_that_pip_finds_there(self, machine: Machine) -> None:
        assert machine.target.markers().items() >= machine.markers.items()

    def test_are_of_every_kind(self) -> None:
        assert len(MACHINES) > 30
        assert all(len(machine.tags) > 30 for machine in MACHINES)


class TestTags:
    @pytest.mark.parametrize(
        ("target", "tag", "accepted"),
        [
            (Target("3.12", LINUX), "cp312-cp312-manylinux_2_28_x86_64", True),
            (Target("3.12", LINUX), "cp312-cp312-manylinux_2_29_x86_64", False),
            (Target("3.12", LINUX), "cp312-cp312-manylinux2014_x86_64", True),
            (Target("3.12", LINUX), "cp312-cp312-linux_x86_64", True),
            (Target("3.12", LINUX), "cp312-cp312-musllinux_1_1_x86_64", False),
            (Target("3.12", LINUX), "cp37-abi3-manylinux_2_17_x86_64", True),
            (Target("3.12", LINUX), "cp313-abi3-manylinux_2_17_x86_64", False),
            (Target("3.12", LINUX), "py3-none-any", True),
            (Target("3.12", LINUX), "py312-none-any", True),
            (Target("3.12", LINUX), "py313-none-any", False),
            (Target("3.12", LINUX), "py2-none-any", False),
            (Target("3.13", LINUX, abi="cp313t"), "cp313-cp313t-manylinux1_x86_64", True),
            (Target("3.13", LINUX, abi="cp313t"), "cp313-cp313-manylinux1_x86_64", False),
            (Target("3.13", LINUX, abi="cp313t"), "cp38-abi3-manylinux1_x86_64", False),
            (Target("3.12", "macosx_12_0_arm64"), "cp312-cp312-macosx_11_0_universal2", True),
            (Target("3.12", "macosx_12_0_arm64"), "cp312-cp312-macosx_10_9_universal2", True),
            (Target("3.12", "macosx_12_0_arm64"), "cp312-cp312-macosx_11_0_x86_64", False),
            (Target("3.12", "macosx_12_0_arm64"), "cp312-cp312-macosx_13_0_arm64", False),
            (Target("3.11", LINUX, "pp"), "pp311-pypy311_pp73-manylinux_2_17_x86_64", True),
            (Target("3.11", LINUX, "pp"), "cp311-abi3-manylinux_2_17_x86_64", False),
        ],
    )
    def test_some_that_matter(self, target: Target, tag: str, accepted: bool) -> None:
        assert (tag in target.tags) == accepted

    @given(st.integers(8, 150), st.sampled_from([LINUX, "musllinux_1_2_aarch64", "win_amd64"]))
    def test_a_python_needs_no_table(self, minor: int, newest: str) -> None:
        tags = Target(f"3.{minor}.1", newest).tags
        assert {f"cp3{minor}-cp3{minor}-{newest}", f"cp3{minor}-abi3-{newest}", f"cp32-abi3-{newest}"} <= tags
        assert {f"py3{minor}-none-any", f"py3{minor}-none-{newest}", "py3-none-any", "py30-none-any"} <= tags
        assert not any(tag.startswith((f"cp3{minor + 1}-", f"py3{minor + 1}-")) for tag in tags)

    @given(st.integers(13, 99))
    def test_a_free_threaded_one_has_stable_abis_of_its_own(self, minor: int) -> None:
        tags = Target(f"3.{minor}", "win_amd64", abi=f"cp3{minor}t").tags
        assert {f"cp3{minor}-cp3{minor}t-win_amd64", f"cp3{minor}-abi3t-win_amd64", "py3-none-any"} <= tags
        assert not any("-abi3-" in tag or f"-cp3{minor}-" in tag for tag in tags)


class TestRequiresPython:
    @pytest.mark.parametrize(
        ("python", "requires", "allowed"),
        [
            ("3.12", None, True),
            ("3.12", "", True),
            ("3.12", ">=3.12", True),
            ("3.12", ">=3.13", False),
            ("3.12", ">=3.8,<4", True),
            ("3.12", "!=3.12.*,>=3", False),
            ("3.12", "~=3.11", True),
            ("3.12", "~=3.11.0", False),
            # As for pip and uv, a version without its third number is the first of its kind.
            ("3.12", ">=3.12.1", False),
            ("3.12.1", ">=3.12.1", True),
            ("3.12.4", "==3.12", False),
            ("3.12", ">=3.12.0rc1", True),
            ("3.15", ">=3.15.0b2", True),
            ("3.10", ">=3.9", True),
            ("4.0", "<4", False),
            # Such a specifier is no specifier, and pip takes no notice of it.
            ("3.12", ">=3.13.*", True),
            ("3.12", "three", True),
            ("3.12", ">=" + "9" * 5000, True),
        ],
    )
    def test_is_heeded_as_pip_does(self, python: str, requires: str | None, allowed: bool) -> None:
        assert Target(python, LINUX).accepts_python(requires) == allowed


class TestMarkers:
    @pytest.mark.parametrize(
        ("marker", "where"),
        [
            ("sys_platform == 'win32'", {"win32", "win_amd64"}),
            ("os_name == 'nt' and platform_machine == 'AMD64'", {"win_amd64"}),
            ("platform_system == 'Darwin'", {"macosx_12_0_arm64"}),
            ("sys_platform == 'linux'", {LINUX, "musllinux_1_2_aarch64", "manylinux2014_x86_64"}),
            ("platform_machine == 'arm64'", {"macosx_12_0_arm64", "ios_16_2_arm64_iphoneos"}),
            ("sys_platform == 'android' and platform_machine == 'aarch64'", {"android_24_arm64_v8a"}),
            ("sys_platform == 'ios'", {"ios_16_2_arm64_iphoneos"}),
            ("sys_platform == 'emscripten'", {"pyodide_2024_0_wasm32"}),
        ],
    )
    def test_are_those_of_the_target_and_not_of_this_machine(self, marker: str, where: set[str]) -> None:
        platforms = (
            "win32",
            "win_amd64",
            "macosx_12_0_arm64",
            LINUX,
            "manylinux2014_x86_64",
            "musllinux_1_2_aarch64",
            "android_24_arm64_v8a",
            "ios_16_2_arm64_iphoneos",
            "pyodide_2024_0_wasm32",
        )
        met = {each for each in platforms if Marker(marker).evaluate(dict(Target("3.12", each).markers()))}
        assert met == where

    @pytest.mark.parametrize(
        ("marker", "python", "met"),
        [
            ("python_version < '3.11'", "3.10.13", True),
            ("python_version < '3.11'", "3.11", False),
            ("python_full_version < '3.11.0a7'", "3.11", False),
            ("python_full_version >= '3.12.4'", "3.12", False),
            ("python_full_version >= '3.12.4'", "3.12.7", True),
            ("implementation_name == 'cpython'", "3.12", True),
        ],
    )
    def test_of_the_python(self, marker: str, python: str, met: bool) -> None:
        assert Marker(marker).evaluate(dict(Target(python, LINUX).markers())) == met


def test_is_shown_in_a_few_words() -> None:
    assert str(Target("3.12", "win_amd64")) == "cp3.12 on win_amd64"
    assert str(Target("3.13", LINUX, abi="cp313t")) == f"cp3.13 on {LINUX} (cp313t)"
