"""Filenames: every format is parsed, and nothing hostile is accepted."""

from __future__ import annotations

import os
import pickle
import re
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version
from pypi_simple import UnparsableFilenameError, parse_filename

from minimirror.distributions import FilenameError, PackageType, projects_named, read_filename

# Filenames: any text, and combinations of the parts that real ones have.
NAMES = st.sampled_from(["foo", "Foo.Bar", "foo_bar", "foo-bar", "foo-2", "a", "py2", "zope.interface", "_x"])
VERSIONS = st.sampled_from(
    ["1.0", "2", "1!2.0", "1.0+local.1", "1.0a1", "1.0-1", "1.0_1", "1.0.post1", "2004d", "dev", "1.0.0-rc.1"]
)
TAGS = st.sampled_from(
    ["py3-none-any", "py2.py3-none-any", "cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64", "3-4-5"]
)
PLATFORMS = st.sampled_from(["", ".linux-x86_64", ".win32", ".win-amd64-py2.7", "-py2.7", "-py3.4-win32"])
EXTENSIONS = st.sampled_from(
    [
        ".tar.gz",
        ".tgz",
        ".tar.bz2",
        ".tar.xz",
        ".tar.Z",
        ".tar",
        ".zip",
        ".egg",
        ".exe",
        ".msi",
        ".dmg",
        ".rpm",
        "-1.noarch.rpm",
        ".EXE",
    ]
) | st.sampled_from([".whl", ".metadata", ""])
PARTS = st.one_of(
    NAMES, VERSIONS, TAGS, PLATFORMS, EXTENSIONS, st.sampled_from(["-", ".", "_", "/", "\n", ".."])
)
WHEELS = st.builds(
    lambda *parts: "-".join(filter(None, parts)) + ".whl",
    NAMES,
    VERSIONS,
    st.sampled_from(["", "1", "2_local", "b"]),
    TAGS,
)
ARCHIVES = st.builds("{}-{}{}{}".format, NAMES, VERSIONS, PLATFORMS, EXTENSIONS)
SDISTS = st.builds("{}-{}{}".format, NAMES, VERSIONS, EXTENSIONS)
FILENAMES = st.one_of(st.text(), st.lists(PARTS, max_size=9).map("".join), WHEELS, ARCHIVES)
PROJECTS = st.one_of(st.text(), NAMES).map(canonicalize_name)


def read(filename: str, project: str) -> tuple[str, str, str, str, tuple[str, ...]]:
    found = read_filename(filename, project)
    assert found.filename == filename
    return found.version, found.package_type, found.python_tag, found.abi_tag, found.platforms


@pytest.mark.parametrize(
    ("filename", "project", "expected"),
    [
        ("foo-1.0-py3-none-any.whl", "foo", ("1.0", "py3", "none", ("any",))),
        ("foo-1.0-py2.py3-none-any.whl", "foo", ("1.0", "py2.py3", "none", ("any",))),
        ("foo-1.0-1-py3-none-any.whl", "foo", ("1.0", "py3", "none", ("any",))),
        ("foo-1.0-2local_3-py3-none-any.whl", "foo", ("1.0", "py3", "none", ("any",))),
        ("foo-1!2.0-py3-none-any.whl", "foo", ("1!2.0", "py3", "none", ("any",))),
        ("foo-1.0+cu121-py3-none-any.whl", "foo", ("1.0+cu121", "py3", "none", ("any",))),
        ("foo-1.0_1-py3-none-any.whl", "foo", ("1.0-1", "py3", "none", ("any",))),
        ("Foo_Bar-1.0-py3-none-any.whl", "foo-bar", ("1.0", "py3", "none", ("any",))),
        ("foo.bar-1.0-py3-none-any.whl", "foo-bar", ("1.0", "py3", "none", ("any",))),
        ("foo-1.0-cp312-cp312-win_amd64.whl", "foo", ("1.0", "cp312", "cp312", ("win_amd64",))),
        (
            "foo-1.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "foo",
            ("1.0", "cp38", "abi3", ("manylinux_2_17_x86_64", "manylinux2014_x86_64")),
        ),
    ],
)
def test_wheels(filename: str, project: str, expected: tuple[str, str, str, tuple[str, ...]]) -> None:
    version, *tags = expected
    assert read(filename, project) == (version, "bdist_wheel", *tags)
    assert read_filename(filename, project).extension == "whl"


@pytest.mark.parametrize(
    ("filename", "project", "version", "extension"),
    [
        ("foo-1.0.tar.gz", "foo", "1.0", "gz"),
        ("foo-1.0.tgz", "foo", "1.0", "tgz"),
        ("foo-1.0.tar.bz2", "foo", "1.0", "bz2"),
        ("foo-1.0.tar.xz", "foo", "1.0", "xz"),
        ("foo-1.0.tar.Z", "foo", "1.0", "z"),
        ("foo-1.0.tar", "foo", "1.0", "tar"),
        ("foo-1.0.zip", "foo", "1.0", "zip"),
        ("foo-1!1.0.tar.gz", "foo", "1!1.0", "gz"),
        ("foo-1.0+local.7.tar.gz", "foo", "1.0+local.7", "gz"),
        ("foo-1.0-1.tar.gz", "foo", "1.0-1", "gz"),
        ("foo-1.0-beta-2.tar.gz", "foo", "1.0-beta-2", "gz"),
        ("foo-bar-1.0.tar.gz", "foo-bar", "1.0", "gz"),
        ("foo_bar-1.0.tar.gz", "foo-bar", "1.0", "gz"),
        ("Foo.Bar-1.0.tar.gz", "foo-bar", "1.0", "gz"),
        ("foo__bar-1.0.tar.gz", "foo-bar", "1.0", "gz"),
        ("foo-2-1.0.tar.gz", "foo-2", "1.0", "gz"),
        ("foo_1.0-1.0.tar.gz", "foo-1-0", "1.0", "gz"),
        ("2to3-1.0.tar.gz", "2to3", "1.0", "gz"),
        ("pytz-2004d.tar.gz", "pytz", "2004d", "gz"),
        ("foo-dev.tar.gz", "foo", "dev", "gz"),
    ],
)
def test_sdists(filename: str, project: str, version: str, extension: str) -> None:
    assert read(filename, project) == (version, "sdist", "source", "", ())
    assert read_filename(filename, project).extension == extension


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("foo-1.0-py2.7.egg", ("1.0", "bdist_egg", "2.7", ("any",))),
        ("foo-1.0.egg", ("1.0", "bdist_egg", "any", ("any",))),
        ("foo-1.0-py2.7-linux-x86_64.egg", ("1.0", "bdist_egg", "2.7", ("linux_x86_64",))),
        ("foo-1.0-py3.10-macosx-10.9-x86_64.egg", ("1.0", "bdist_egg", "3.10", ("macosx_10_9_x86_64",))),
        ("foo-1.0.win32.exe", ("1.0", "bdist_wininst", "any", ("win32",))),
        ("foo-1.0.win32-py2.7.exe", ("1.0", "bdist_wininst", "2.7", ("win32",))),
        ("foo-1.0.win-amd64-py3.4.exe", ("1.0", "bdist_wininst", "3.4", ("win_amd64",))),
        ("foo-1.0a1.win-amd64-py3.4.msi", ("1.0a1", "bdist_msi", "3.4", ("win_amd64",))),
        ("foo-1.0.win32.msi", ("1.0", "bdist_msi", "any", ("win32",))),
        ("foo-1.0-1.noarch.rpm", ("1.0", "bdist_rpm", "any", ())),
        ("foo-1.0-1.src.rpm", ("1.0", "bdist_rpm", "any", ())),
        ("foo-1.0.linux-x86_64.tar.gz", ("1.0", "bdist_dumb", "any", ("linux_x86_64",))),
        ("foo-1.0.macosx-10.9-x86_64.tar.gz", ("1.0", "bdist_dumb", "any", ("macosx_10_9_x86_64",))),
        ("foo-1.0.win32.zip", ("1.0", "bdist_dumb", "any", ("win32",))),
        ("foo-1.0.dmg", ("1.0", "bdist_dmg", "any", ())),
        ("foo-1.0-py2.5-macosx10.4.dmg", ("1.0", "bdist_dmg", "2.5", ())),
        ("foo-1.0.macosx-10.9-x86_64.dmg", ("1.0", "bdist_dmg", "any", ())),
    ],
)
def test_older_formats(filename: str, expected: tuple[str, str, str, tuple[str, ...]]) -> None:
    version, package_type, python_tag, platforms = expected
    assert read(filename, "foo") == (version, package_type, python_tag, "", platforms)


def test_a_python_version_in_the_projects_name_is_not_the_files() -> None:
    assert read_filename("foo-py2.7-1.0.win32.exe", "foo-py2-7").python_tag == "any"
    assert read_filename("foo-py2.7-1.0.win32-py3.4.exe", "foo-py2-7").python_tag == "3.4"


@pytest.mark.parametrize(
    ("filename", "word"),
    [
        ("", "not a distribution"),
        (".", "not a distribution"),
        ("..", "not a distribution"),
        ("../foo-1.0.tar.gz", "not a distribution"),
        ("/foo-1.0.tar.gz", "not a distribution"),
        ("a\\foo-1.0.tar.gz", "not a distribution"),
        (".foo-1.0.tar.gz", "not a distribution"),
        ("-foo-1.0.tar.gz", "not a distribution"),
        ("foo-1.0.tar.gz\n", "not a distribution"),
        ("foo-1.0.tar.gz\0", "not a distribution"),
        ("foo 1.0.tar.gz", "not a distribution"),
        ("foo-1.0%2f.tar.gz", "not a distribution"),
        ("foo-1.0\N{FULLWIDTH DIGIT ONE}.tar.gz", "not a distribution"),
        ("foo-1.0\ud800.tar.gz", "not a distribution"),
        ("foo-" + "1" * 240 + ".tar.gz", "246 bytes"),
        ("foo.tar.gz", "of project foo"),
        ("foo-.tar.gz", "of project foo"),
        ("foo-.linux-x86_64.tar.gz", "of project foo"),
        ("bar-1.0.tar.gz", "of project foo"),
        ("foobar-1.0.tar.gz", "of project foo"),
        ("foo-1.0-py3-none-any.whl.metadata", "'metadata'"),
        ("foo-1.0.tar.gz.asc", "'asc'"),
        ("foo", "'foo'"),
        ("bar-1.0-py3-none-any.whl", "project bar"),
        ("bar-1.0-py2.7.egg", "project bar"),
        ("bar-1.0.win32.exe", "project bar"),
        ("foo-1.0.exe", "of project foo"),
        ("foo.dmg", "of project foo"),
        ("foo-1.0-py3-any.whl", "five or six parts"),
        ("foo-1.0-1-2-py3-none-any.whl", "five or six parts"),
        ("foo--py3-none-any.whl", "five or six parts"),
        ("foo-1.0-bar-py3-none-any.whl", "build tag"),
        ("foo-2-1.0.tar.gz", "'2-1.0'"),
    ],
)
def test_refused(filename: str, word: str) -> None:
    with pytest.raises(FilenameError) as caught:
        read_filename(filename, "foo")
    assert (caught.value.filename, word in caught.value.reason) == (filename, True)
    assert str(caught.value) == f"{filename!r}: {caught.value.reason}"


def test_the_longest_name_leaves_room_for_its_metadata_file() -> None:
    filename = "foo-" + "1" * (246 - len("foo-.tar.gz")) + ".tar.gz"
    assert len(os.fsencode(read_filename(filename, "foo").filename + ".metadata")) == 255


@pytest.mark.parametrize(
    ("filename", "release"),
    [
        ("foo-1.0_1-py3-none-any.whl", Version("1.0.post1")),
        ("foo-1!1.0rc1.tar.gz", Version("1!1.0rc1")),
        ("foo-2004d.tar.gz", None),
    ],
)
def test_release_is_the_version_of_pep_440(filename: str, release: Version | None) -> None:
    assert read_filename(filename, "foo").release() == release


def test_a_distribution_can_be_pickled() -> None:
    found = read_filename("foo-1.0-py3-none-any.whl", "foo")
    assert pickle.loads(pickle.dumps(found)) == found


@given(FILENAMES, PROJECTS)
@example("foo-1.0.tar.gz", "")
@example("-1.0.tar.gz", "")
@example("x-1.0.win32.exe", "\\")
@example("x-1.0.win32.exe", "(")
def test_any_name_is_read_or_refused(filename: str, project: str) -> None:
    try:
        found = read_filename(filename, project)
    except FilenameError:
        return
    assert found.filename == filename
    assert re.fullmatch(r"[\w][\w.+!-]*", filename, re.ASCII)
    assert found.filename == os.path.basename(filename)  # noqa: PTH119 - the path is the filename's own
    assert found.project == project
    assert found.package_type in get_args(PackageType)
    assert found.version
    assert found.python_tag
    assert bool(found.abi_tag) == (found.package_type == "bdist_wheel")
    assert found.extension
    found.release()


@given(FILENAMES, PROJECTS)
def test_an_unsafe_name_is_suspect(filename: str, project: str) -> None:
    if len(filename) <= 246 and re.fullmatch(r"[\w][\w.+!-]*", filename, re.ASCII):
        return
    with pytest.raises(FilenameError) as caught:
        read_filename(filename, project)
    assert caught.value.suspect


@pytest.mark.parametrize(
    ("filename", "projects"),
    [
        ("Foo_Bar-1.0-py3-none-any.whl", ["foo-bar"]),
        ("foo-bar-1.0.tar.gz", ["foo-bar"]),
        ("foo-2-1.0.tar.gz", ["foo-2"]),
        ("foo-1.0-1.tar.gz", ["foo", "foo-1-0"]),
        ("foo-dev.tar.gz", ["foo"]),
        ("foo-1.0.win32.exe", ["foo"]),
        ("notes.txt", []),
        ("foo-1.0.txt", []),
        ("-1.0.tar.gz", []),
        ("", []),
    ],
)
def test_projects_named(filename: str, projects: list[str]) -> None:
    assert projects_named(filename) == projects


@given(FILENAMES)
def test_projects_named_agrees_with_read_filename(filename: str) -> None:
    for place, project in enumerate(projects_named(filename)):
        if place == 0 or filename.endswith(".whl"):
            assert read_filename(filename, project).project == project
        else:
            # A file of two projects would be written twice.
            with pytest.raises(FilenameError, match="of project"):
                read_filename(filename, project)


@given(WHEELS)
def test_wheels_are_read_as_packaging_reads_them(filename: str) -> None:
    try:
        name, version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return
    found = read_filename(filename, name)
    assert (found.project, found.release()) == (name, version)
    assert set(found.python_tag.split(".")) == {tag.interpreter for tag in tags}
    assert set(found.abi_tag.split(".")) == {tag.abi for tag in tags}
    assert set(found.platforms) == {tag.platform for tag in tags}


@given(SDISTS)
def test_sdists_are_read_as_packaging_reads_them(filename: str) -> None:
    try:
        name, version = parse_sdist_filename(filename)
    except InvalidSdistFilename:
        return
    if projects_named(filename)[0] != name:
        # pip takes foo-2-1.tar.gz for one of foo as well.
        return
    found = read_filename(filename, name)
    assert (found.project, found.package_type, found.release()) == (name, "sdist", version)


@given(st.one_of(WHEELS, ARCHIVES), NAMES.map(canonicalize_name))
def test_all_are_read_as_pypi_simple_reads_them(filename: str, project: str) -> None:
    try:
        found = read_filename(filename, project)
        name, version, package_type = parse_filename(filename, project)
    except (FilenameError, UnparsableFilenameError):
        # It does not know bdist_dmg, and takes names that do not begin with a letter or digit for none.
        return
    assert canonicalize_name(name) == found.project
    assert f"bdist_{package_type}".replace("bdist_sdist", "sdist") == found.package_type
    assert version.replace("_", "-") == found.version.replace("_", "-")


def test_a_wheel_of_too_many_tags_is_refused() -> None:
    def wheel(*counts: int) -> str:
        tags = (
            ".".join(f"{letter}{n}" for n in range(count))
            for letter, count in zip("cav", counts, strict=True)
        )
        return f"foo-1-{'-'.join(tags)}.whl"

    assert read_filename(wheel(10, 10, 10), "foo").package_type == "bdist_wheel"
    with pytest.raises(FilenameError, match="1000 combinations") as caught:
        read_filename(wheel(20, 20, 20), "foo")
    assert caught.value.suspect
