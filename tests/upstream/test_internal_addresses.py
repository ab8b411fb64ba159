"""A public index, and a redirect of a public host, lead to no internal address: not even by a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.internet import HOSTS, Internet, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC, PUBLIC_FILES, INTERNAL, INTERNAL_FILES, PUBLIC_BOOKS, INTERNAL_BOOKS = HOSTS
PUBLIC_INDEX, INTERNAL_INDEX = f"http://{PUBLIC}/simple/", f"http://{INTERNAL}/simple/"
REFUSED = f"refused to connect to the internal address {HOSTS[INTERNAL_FILES]}"


class Client:
    def __init__(self, way: str, internet: Internet) -> None:
        self._way = way
        self._internet = internet

    def visit(self, index_url: str, *urls: str) -> Outcome:
        return self._internet.visit(self._way, index_url, urls)


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with Internet(tmp_path_factory.mktemp("internet")) as internet:
        yield internet


@pytest.fixture(params=["OneAtATime", "ManyAtATime"])
def client(request: pytest.FixtureRequest, internet: Internet) -> Client:
    return Client(request.param, internet)


def redirect(host: str, target: str) -> str:
    return f"http://{host}/?to={target}"


def test_public_hosts_lead_to_each_other(client: Client) -> None:
    found = client.visit(PUBLIC_INDEX, PUBLIC_INDEX, redirect(PUBLIC, f"http://{PUBLIC_FILES}/"))
    assert found == Outcome((PUBLIC, PUBLIC_FILES), (PUBLIC, PUBLIC, PUBLIC_FILES))


def test_a_public_index_does_not_link_to_an_internal_address(client: Client) -> None:
    address = HOSTS[INTERNAL_FILES]
    found = client.visit(PUBLIC_INDEX, f"http://{INTERNAL_FILES}/", f"http://{address}/")
    assert found == Outcome((REFUSED, REFUSED), ())


def test_a_redirect_of_a_public_host_does_not_lead_to_an_internal_name(client: Client) -> None:
    found = client.visit(PUBLIC_INDEX, redirect(PUBLIC, f"http://{INTERNAL_FILES}/"))
    assert found == Outcome((REFUSED,), (PUBLIC,))


def test_a_redirect_of_a_public_host_does_not_lead_to_a_literal_address(client: Client) -> None:
    hosts = [HOSTS[INTERNAL_FILES], "127.0.0.1", "127.1", "localhost", "[::1]"]
    found = client.visit(PUBLIC_INDEX, *(redirect(PUBLIC, f"http://{host}/") for host in hosts))
    assert found == Outcome(("redirected to an internal address",) * 5, (PUBLIC,) * 5)


def test_an_internal_index_leads_to_internal_and_public_hosts(client: Client) -> None:
    urls = [f"http://{INTERNAL_FILES}/", redirect(INTERNAL, f"http://{INTERNAL_FILES}/"), PUBLIC_INDEX]
    found = client.visit(INTERNAL_INDEX, *urls)
    assert found.results == (INTERNAL_FILES, INTERNAL_FILES, PUBLIC)


def test_a_redirect_of_a_public_host_does_not_lead_back_inside(client: Client) -> None:
    found = client.visit(INTERNAL_INDEX, redirect(PUBLIC, f"http://{INTERNAL_FILES}/"))
    assert found == Outcome((REFUSED,), (PUBLIC,))


def test_not_even_on_a_connection_that_is_there_already(client: Client) -> None:
    found = client.visit(
        INTERNAL_INDEX,
        f"http://{INTERNAL_FILES}/",
        redirect(PUBLIC, f"http://{INTERNAL_FILES}/"),
        f"http://{INTERNAL_FILES}/",
    )
    assert found.results == (INTERNAL_FILES, REFUSED, INTERNAL_FILES)
    assert found.asked == (INTERNAL_FILES, PUBLIC, INTERNAL_FILES)


def test_the_index_itself_may_be_led_to(client: Client) -> None:
    found = client.visit(INTERNAL_INDEX, redirect(PUBLIC, INTERNAL_INDEX))
    assert found == Outcome((INTERNAL,), (PUBLIC, INTERNAL))


def test_a_host_that_is_not_ascii_is_the_same_host_for_links_redirects_and_addresses(
    client: Client,
) -> None:
    found = client.visit(
        "http://bücher.example.com/simple/",
        "http://Bücher.example.com/",
        redirect(PUBLIC, "http://bücher.example.org/"),
        redirect(PUBLIC, "http://b%C3%BCcher.example.com/"),
        redirect(PUBLIC, f"http://{INTERNAL_FILES}/"),
    )
    assert found.results == (INTERNAL_BOOKS, PUBLIC_BOOKS, INTERNAL_BOOKS, REFUSED)
