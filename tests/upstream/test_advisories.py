"""Known vulnerabilities: what does not certainly mean that a release has none is an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from minimirror.upstream import (
    AdvisoryError,
    FetchError,
    Index,
    NoAdvisoriesError,
    Retry,
    completed,
    vulnerabilities,
)
from tests.helpers.index import Body, Redirect, Status

if TYPE_CHECKING:
    from tests.helpers.index import Index as Server

VERSION = "2.19.0"


def known(server: Server, version: str = VERSION) -> str | None:
    index = Index(server.url, retry=Retry(attempts=1))
    return completed(vulnerabilities(index.reader, "requests", version))


@pytest.fixture
def server(index: Server) -> Server:
    for version in (VERSION, "2.32.0"):
        index.add_wheel("requests", version)
    index.vulnerable("requests", VERSION, "CVE-2018-18074")
    return index


def answer(value: Any) -> Body:
    return Body(json.dumps(value).encode(), "application/json")


def about(version: str, name: str = "requests", **more: Any) -> Body:
    return answer({"info": {"name": name, "version": version}, "vulnerabilities": [], **more})


def test_an_index_that_reports_each_release(server: Server) -> None:
    assert (known(server), known(server, "2.32.0")) == ("CVE-2018-18074", None)


@pytest.mark.parametrize(
    "fault",
    [
        Body(b"<form>Sign in</form>", "text/html"),
        Redirect("/simple/requests/"),
        Status(204, body=b""),
        answer([]),
        answer({"info": {"name": "requests", "version": VERSION}}),
        answer({"vulnerabilities": None}),
        about("2.32.0"),
        about(VERSION, name="other"),
        answer({"message": "not found"}),
    ],
    ids=str,
)
def test_another_answer_for_a_release(server: Server, fault: Any) -> None:
    server.fault(f"/pypi/requests/{VERSION}/json", fault, always=True)
    with pytest.raises((AdvisoryError, FetchError)):
        known(server)


@pytest.mark.parametrize(
    "fault",
    [
        about("2.32.0"),
        about("2.32.0", releases=[]),
        about("2.32.0", releases={VERSION: [], "2.32.0": []}),
        about("2.19", releases={"2.19": [], "2.32.0": []}),
        about(VERSION, releases={}),
        about("2.33.0", releases={"2.33.0": []}),
        answer({"releases": {"2.32.0": []}}),
        answer({}),
    ],
    ids=str,
)
def test_an_unknown_release_of_a_project(server: Server, fault: Any) -> None:
    """It may have vulnerabilities, unless the API shows that it was never a release."""
    server.fault(f"/pypi/requests/{VERSION}/json", Status(404), always=True)
    server.fault("/pypi/requests/json", fault, always=True)
    with pytest.raises(AdvisoryError) as caught:
        known(server)
    assert not isinstance(caught.value, NoAdvisoriesError)


def test_a_version_that_was_never_a_release(server: Server) -> None:
    assert known(server, "3.0") is None


def test_another_spelling_of_a_release(server: Server) -> None:
    assert known(server, "2.19") == "CVE-2018-18074"


def test_an_index_without_the_api(server: Server) -> None:
    server.json_api = False
    with pytest.raises(NoAdvisoriesError):
        known(server)


@pytest.mark.parametrize("entry", ["CVE-1", {"id": "CVE-1"}, {}, 7, None])
def test_every_entry_counts(server: Server, entry: Any) -> None:
    server.fault(
        f"/pypi/requests/{VERSION}/json",
        answer({"info": {"name": "Requests", "version": VERSION}, "vulnerabilities": [entry]}),
    )
    assert known(server)
