"""Errors of the network, in plain English."""

from __future__ import annotations

import http.client
import socket
import ssl

import pytest
import requests
import urllib3

from minimirror.upstream import FetchError, network_error, status_error

POOL = urllib3.HTTPConnectionPool("example.org")
CONNECTION = urllib3.connection.HTTPConnection("example.org")


def certificate_error(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {message} (_ssl.c:1006)")
    error.verify_message = message
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1006)")
    error.reason = reason
    return error


def wrapped(error: Exception) -> requests.RequestException:
    """Return an error as requests raises it."""
    return requests.ConnectionError(
        urllib3.exceptions.MaxRetryError(POOL, "https://user:s3cret@example.org/", error)
    )


class TestNetworkError:
    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (TimeoutError(), "timed out"),
            (requests.ReadTimeout("https://user:s3cret@example.org/"), "timed out"),
            (urllib3.exceptions.ReadTimeoutError(POOL, "/", "Read timed out."), "timed out"),
            (http.client.RemoteDisconnected("Remote end closed"), "closed the connection without a response"),
            (http.client.BadStatusLine("s3cret"), "not valid HTTP"),
            (ValueError("invalid literal for int()"), "not valid HTTP"),
            (ConnectionRefusedError(111, "Connection refused"), "failed: Connection refused"),
            (socket.gaierror(-2, "Name or service not known"), "cannot resolve"),
            (certificate_error("self-signed certificate"), "not trusted: self-signed certificate"),
            (certificate_error("certificate has expired"), "has expired"),
            (certificate_error("certificate is not yet valid"), "not valid yet"),
            (certificate_error("Hostname mismatch, certificate is not valid for 'x'."), "another host"),
            (tls_error("WRONG_VERSION_NUMBER"), "may need http"),
            (ssl.SSLError("odd"), "TLS connection to example.org failed"),
            (OSError("Tunnel connection failed: 407 " + "x" * 1000), "HTTP 407"),
            (OSError("cannot reach https://user:s3cret@example.org/"), "failed: OSError"),
        ],
    )
    def test_the_cause_is_found_and_shown(self, error: Exception, words: str) -> None:
        for each in (error, wrapped(error), urllib3.exceptions.ProtocolError("Connection aborted.", error)):
            text = network_error(each, "https://user:s3cret@example.org/", "http://me:s3cret@proxy:1").cause
            assert words in text
            assert "s3cret" not in text
            assert "example.org" in text or "the proxy proxy:1" in text
            assert len(text) < 200

    def test_a_connection_that_failed_says_why(self) -> None:
        error = urllib3.exceptions.NewConnectionError(CONNECTION, "Failed to establish a new connection")
        error.__cause__ = OSError(113, "No route to host")
        found = network_error(wrapped(error), "http://example.org:8080/")
        assert "example.org:8080 failed: No route to host" in str(found)

    def test_only_what_may_pass_is_tried_again(self) -> None:
        def is_transient(error: Exception) -> bool:
            return network_error(wrapped(error), "https://example.org/").transient

        assert is_transient(ConnectionResetError(104, "Connection reset by peer"))
        assert not is_transient(certificate_error("self-signed certificate"))
        assert not is_transient(tls_error("WRONG_VERSION_NUMBER"))


class TestStatusError:
    def test_it_may_repeat_the_reason_of_the_server(self) -> None:
        error = status_error(403, {}, "you may not do that")
        assert (str(error), error.status, error.transient) == ("HTTP 403: you may not do that", 403, False)

    @pytest.mark.parametrize(("status", "not_found"), [(404, True), (410, True), (403, False), (500, False)])
    def test_some_statuses_mean_that_there_is_no_such_page(self, status: int, not_found: bool) -> None:
        assert status_error(status, {}).not_found is not_found

    def test_an_error_without_a_response_has_no_status(self) -> None:
        error = FetchError("timed out", transient=True)
        assert (error.status, error.not_found, error.exit_code) == (None, False, 1)
