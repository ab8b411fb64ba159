"""PyPI's legacy JSON says what PyPI's says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minimirror.serve.legacy_json import legacy_json
from minimirror.simple_api import Entry


def entry(filename: str, version: str, yanked: str | None = None) -> Entry:
    return Entry(filename=filename, version=version, size=1, sha256="0" * 64, yanked=yanked)


def read(*entries: Entry, version: str | None = None, project: str = "demo") -> Any:
    return json.loads(legacy_json(project, version, entries, "https://index.example.org/packages/") or "null")


@pytest.mark.parametrize("asked", ["1.0", "1.0.0", "1", "v1.0", "1.0.0.0"])
def test_finds_a_version_however_it_is_spelled(asked: str) -> None:
    found = read(entry("demo-1.0.tar.gz", "1.0"), entry("demo-2.0.tar.gz", "2.0"), version=asked)
    assert (found["info"]["version"], [each["filename"] for each in found["urls"]]) == (
        "1.0",
        ["demo-1.0.tar.gz"],
    )


def test_one_release_has_all_spellings_of_its_version() -> None:
    found = read(entry("demo-1.0.0.tar.gz", "1.0.0"), entry("demo-1.0-py3-none-any.whl", "1.0"))
    assert list(found["releases"]) == ["1.0.0"]
    assert len(found["urls"]) == 2


def test_has_no_other_version() -> None:
    assert read(entry("demo-1.0.tar.gz", "1.0"), version="1.1") is None


@pytest.mark.parametrize(
    ("entries", "newest"),
    [
        ([("1.0", None), ("2.0", None), ("3.0rc1", None)], "2.0"),
        ([("1.0", None), ("2.0", "it broke")], "1.0"),
        ([("1.0", "it broke"), ("2.0", "it broke")], "2.0"),
        ([("1.0rc1", None), ("1.0rc2", None)], "1.0rc2"),
        ([("2004d", None), ("0.1", None)], "0.1"),
    ],
)
def test_is_about_the_newest_version_that_one_should_use(
    entries: list[tuple[str, str | None]], newest: str
) -> None:
    found = read(*(entry(f"demo-{version}.tar.gz", version, yanked) for version, yanked in entries))
    assert found["info"]["version"] == newest


@pytest.mark.parametrize(
    ("filename", "package_type", "python"),
    [
        ("demo-1.0.tar.gz", "sdist", "source"),
        ("demo-1.0.zip", "sdist", "source"),
        ("demo-1.0-py2.py3-none-any.whl", "bdist_wheel", "py2.py3"),
        ("demo-1.0-py2.7.egg", "bdist_egg", "2.7"),
        ("demo-1.0.win32-py2.7.exe", "bdist_wininst", "2.7"),
        ("demo-1.0.win32-py2.7.msi", "bdist_msi", "2.7"),
        ("demo-1.0-1.noarch.rpm", "bdist_rpm", "any"),
    ],
)
def test_names_the_type_of_a_file(filename: str, package_type: str, python: str) -> None:
    (file,) = read(entry(filename, "1.0"))["urls"]
    assert (file["packagetype"], file["python_version"]) == (package_type, python)


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.5, "1970-01-01T00:00:00.500000Z"), (1e15, None), (None, None)]
)
def test_has_the_time_of_the_upload_if_it_can_be_written(seconds: float | None, written: str | None) -> None:
    (file,) = read(entry("demo-1.0.tar.gz", "1.0")._replace(upload_time=seconds))["urls"]
    assert file["upload_time_iso_8601"] == written


def test_escapes_what_a_url_cannot_contain() -> None:
    (file,) = read(entry("demo-1.0+local.1-py3-none-any.whl", "1.0+local.1"))["urls"]
    assert file["url"] == "https://index.example.org/packages/demo-1.0%2Blocal.1-py3-none-any.whl"
