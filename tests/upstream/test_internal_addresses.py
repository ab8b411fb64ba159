"""A public index, and a redirect of a public host, lead to no internal address: not even by a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.internet import HOSTS, Outcome, visit

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC, PUBLIC_FILES, INTERNAL, INTERNAL_FILES, PUBLIC_BOOKS, INTERNAL_BOOKS = HOSTS
PUBLIC_INDEX, INTERNAL_INDEX = f"http://{PUBLIC}/simple/", f"http://{INTERNAL}/simple/"
REFUSED = f"refused to connect to the internal address {HOSTS[INTERNAL_FILES]}"


class Internet:
    def __init__(self, way: str, folder: Path) -> None:
        self._way = way
        self._folder = folder

    def visit(self, index_url: str, *urls: str) -> Outcome:
        return visit(self._way, index_url, urls, self._folder)


@pytest.fixture(params=["OneAtATime", "ManyAtATime"])
def internet(request: pytest.FixtureRequest, tmp_path: Path) -> Internet:
    return Internet(request.param, tmp_path)


def redirect(host: str, target: str) -> str:
    return f"http://{host}/?to={target}"


def test_public_hosts_lead_to_each_other(internet: Internet) -> None:
    found = internet.visit(PUBLIC_INDEX, PUBLIC_INDEX, redirect(PUBLIC, f"http://{PUBLIC_FILES}/"))
    assert found == Outcome((PUBLIC, PUBLIC_FILES), (PUBLIC, PUBLIC, PUBLIC_FILES))


def test_a_public_index_does_not_link_to_an_internal_address(internet: Internet) -> None:
    address = HOSTS[INTERNAL_FILES]
    found = internet.visit(PUBLIC_INDEX, f"http://{INTERNAL_FILES}/", f"http://{address}/")
    assert found == Outcome((REFUSED, REFUSED), ())


def test_a_redirect_of_a_public_host_does_not_lead_to_an_internal_name(internet: Internet) -> None:
    found = internet.visit(PUBLIC_INDEX, redirect(PUBLIC, f"http://{INTERNAL_FILES}/"))
    assert found == Outcome((REFUSED,), (PUBLIC,))


def test_a_redirect_of_a_public_host_does_not_lead_to_a_literal_address(internet: Internet) -> None:
    hosts = [HOSTS[INTERNAL_FILES], "127.0.0.1", "127.1", "localhost", "[::1]"]
    found = internet.visit(PUBLIC_INDEX, *(redirect(PUBLIC, f"http://{host}/") for host in hosts))
    assert found == Outcome(("redirected to an internal address",) * 5, (PUBLIC,) * 5)


def test_an_internal_index_leads_to_internal_and_public_hosts(internet: Internet) -> None:
    urls = [f"http://{INTERNAL_FILES}/", redirect(INTERNAL, f"http://{INTERNAL_FILES}/"), PUBLIC_INDEX]
    found = internet.visit(INTERNAL_INDEX, *urls)
    assert found.results == (INTERNAL_FILES, INTERNAL_FILES, PUBLIC)


def test_a_redirect_of_a_public_host_does_not_lead_back_inside(internet: Internet) -> None:
    found = internet.visit(INTERNAL_INDEX, redirect(PUBLIC, f"http://{INTERNAL_FILES}/"))
    assert found == Outcome((REFUSED,), (PUBLIC,))


def test_not_even_on_a_connection_that_is_there_already(internet: Internet) -> None:
    found = internet.visit(
        INTERNAL_INDEX,
        f"http://{INTERNAL_FILES}/",
        redirect(PUBLIC, f"http://{INTERNAL_FILES}/"),
        f"http://{INTERNAL_FILES}/",
    )
    assert found.results == (INTERNAL_FILES, REFUSED, INTERNAL_FILES)
    assert found.asked == (INTERNAL_FILES, PUBLIC, INTERNAL_FILES)


def test_the_index_itself_may_be_led_to(internet: Internet) -> None:
    found = internet.visit(INTERNAL_INDEX, redirect(PUBLIC, INTERNAL_INDEX))
    assert found == Outcome((INTERNAL,), (PUBLIC, INTERNAL))


def test_a_host_that_is_not_ascii_is_the_same_host_for_links_redirects_and_addresses(
    internet: Internet,
) -> None:
    found = internet.visit(
        "http://bücher.example.com/simple/",
        "http://Bücher.example.com/",
        redirect(PUBLIC, "http://bücher.example.org/"),
        redirect(PUBLIC, "http://b%C3%BCcher.example.com/"),
        redirect(PUBLIC, f"http://{INTERNAL_FILES}/"),
    )
    assert found.results == (INTERNAL_BOOKS, PUBLIC_BOOKS, INTERNAL_BOOKS, REFUSED)
