"""The words that Python tags, platform tags and extensions are made of, and what others may mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.distributions import (
    EXTENSIONS,
    FilenameError,
    is_platform,
    is_python,
    platform_family,
    read_filename,
    similar_platforms,
    similar_pythons,
)
from tests.helpers.machines import Machine, recorded


@pytest.mark.parametrize(
    "word",
    [
        *(
            "any",
            "source",
            "2.7",
            "3.4.10",
            "3.12",
            "py2",
            "py3",
            "py2.py3",
            "py27",
            "py312",
            "cp27",
            "cp310",
        ),
        *("cp310.cp311", "pp39", "pp310", "graalpy311", "ip27", "jy27", "cp313t", "cp314t"),
        # what minirepo's configs have
        *("2", "3", "2.7.6", "cp3", "python", "py3.5", "py3.10", "py32, py33, py34"),
    ],
)
def test_python_tags(word: str) -> None:
    assert is_python(word)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("py3.12", ["cp312", "py312"]),
        ("py3.11", ["cp311", "py311"]),
        ("cp3.12", ["cp312"]),
        ("CP312", ["cp312"]),
        ("python3.12", ["cp312", "py312"]),
        ("312", ["cp312", "py312"]),
        (">=3.12", ["cp312", "py312"]),
        ("python3", ["py3"]),
        ("pypy3.10", ["pp310"]),
        ("cp312-abi3", ["cp312"]),
        ("py3-none-any", ["py3"]),
        ("cp27m", ["cp27"]),
        ("cp312t", ["cp312"]),
        ("cp12", ["cp312"]),
        ("sdist", ["source"]),
        ("wheel", []),
        ("abi3", []),
        ("foo", []),
        ("*", []),
        ("", []),
    ],
)
def test_what_is_no_python_tag(word: str, meant: list[str]) -> None:
    assert not is_python(word)
    assert similar_pythons(word) == meant


@pytest.mark.parametrize(
    "word",
    [
        *("any", "linux", "manylinux", "musllinux", "macosx", "win", "ios", "android", "pyodide", "freebsd"),
        *("win32", "win_amd64", "win_arm64", "linux_x86_64", "linux_armv6l", "manylinux1_i686"),
        *("manylinux2014_aarch64", "manylinux_2_28_ppc64le", "musllinux_1_2_x86_64", "macosx_11_0_arm64"),
        *("macosx_10_9_universal2", "macosx_10_6_intel", "ios_13_0_arm64_iphoneos", "android_24_x86_64"),
        *("pyodide_2024_0_wasm32", "emscripten_3_1_58_wasm32", "freebsd_14_1_release_amd64", "aix_7202_64"),
    ],
)
def test_platform_tags_and_families(word: str) -> None:
    assert is_platform(word)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("windows", ["win", "win_amd64"]),
        ("win64", ["win_amd64", "win"]),
        ("win-amd64", ["win_amd64", "win"]),
        ("Windows x86", ["win32", "win"]),
        ("windows_arm64", ["win_arm64", "win"]),
        ("macos", ["macosx"]),
        ("darwin", ["macosx"]),
        ("macosx_11_0", ["macosx_11_0_arm64", "macosx"]),
        ("macos-14-aarch64", ["macosx_14_0_arm64", "macosx"]),
        ("linux-x86_64", ["linux_x86_64", "linux"]),
        ("linux64", ["linux_x86_64", "linux"]),
        ("linux_arm64", ["linux_aarch64", "linux"]),
        ("ubuntu", ["linux"]),
        ("manylinux2014", ["manylinux2014_x86_64", "manylinux"]),
        ("manylinux_2_28", ["manylinux_2_28_x86_64", "manylinux"]),
        ("manylinux-2.28-amd64", ["manylinux_2_28_x86_64", "manylinux"]),
        ("musl", ["musllinux"]),
        ("x86_64", ["linux_x86_64"]),
        ("Any", ["any"]),
        ("lunix", ["linux"]),
        ("foo", []),
        ("source", []),
        ("", []),
    ],
)
def test_what_is_no_platform(word: str, meant: list[str]) -> None:
    assert not is_platform(word)
    assert similar_platforms(word) == meant


@pytest.mark.parametrize("machine", recorded(), ids=lambda machine: machine.name)
def test_every_tag_of_a_real_machine_is_known(machine: Machine) -> None:
    for tag in machine.tags:
        python, _, platform = tag.split("-")
        assert is_python(python), python
        assert is_platform(platform), platform


@given(
    st.text(max_size=30)
    | st.from_regex("[a-z]{0,9}[-_. ]?[0-9]{0,4}[._][0-9]{0,2}[a-z_]{0,9}", fullmatch=True)
)
def test_what_may_be_meant_is_a_tag(text: str) -> None:
    assert all(map(is_python, similar_pythons(text)))
    assert all(map(is_platform, similar_platforms(text)))


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_files_have_these_extensions(extension: str) -> None:
    names = (
        f"foo-1.0{middle}.{extension}"
        for middle in ("", ".tar", "-py3-none-any", "-py2.7", ".win32", "-1.noarch")
    )
    found = []
    for name in names:
        try:
            found.append(read_filename(name, "foo").extension)
        except FilenameError:
            continue
    assert set(found) == {extension} - {"deb", "z"}


@pytest.mark.parametrize(
    ("tag", "family"),
    [
        ("any", "any"),
        ("win32", "win32"),
        ("win_amd64", "win_amd64"),
        ("linux_armv7l", "linux_armv7l"),
        ("manylinux2014_x86_64", "manylinux_x86_64"),
        ("manylinux_2_17_x86_64", "manylinux_x86_64"),
        ("macosx_10_9_universal2", "macosx_universal2"),
        ("android_21_arm64_v8a", "android_arm64_v8a"),
    ],
)
def test_the_family_of_a_tag_has_no_version(tag: str, family: str) -> None:
    assert platform_family(tag) == family
