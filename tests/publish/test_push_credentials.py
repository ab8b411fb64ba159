"""Credentials for a push: where they come from, and that no password is ever shown."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from minimirror.publish.push.upload import explain_refusal
from tests.helpers.bundles import Near
from tests.helpers.pushing import ANN, Shelf, config, push
from tests.helpers.running import DEADLINE, SOURCES, Command, Terminal
from tests.helpers.servers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.servers import Gateway

USER, PASSWORD = ANN["TWINE_USERNAME"], ANN["TWINE_PASSWORD"]
SENT = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
FILE = "app-1.0-py3-none-any.whl"


@pytest.fixture
def near(repository: Path) -> Near:
    near = Near(repository)
    near.put("app", "1.0")
    return near


def in_home(name: str, text: str) -> Path:
    path = Path.home() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def pypirc(url: str, *more: str) -> None:
    section = "\n".join([f"repository = {url}", *more])
    in_home(".pypirc", f"[distutils]\nindex-servers = lab\n\n[lab]\n{section}\n")


def from_environment(url: str, patch: pytest.MonkeyPatch) -> str:
    for name, value in ANN.items():
        patch.setenv(name, value)
    return url


def from_pypirc_by_name(url: str, _: pytest.MonkeyPatch) -> str:
    pypirc(url, f"username = {USER}", f"password = {PASSWORD}")
    return "lab"


def from_pypirc_by_url(url: str, _: pytest.MonkeyPatch) -> str:
    pypirc(f"{url}/", f"username = {USER}", f"password = {PASSWORD}")
    return url


KEYRING = """
from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential


class Keyring(KeyringBackend):
    priority = 9

    def get_credential(self, system, username):
        return SimpleCredential({user!r}, {password!r}) if system == {url!r} else None

    def get_password(self, system, username):
        return {password!r} if (system, username) == ({url!r}, {user!r}) else None

    def set_password(self, system, username, password):
        raise NotImplementedError
"""


def from_keyring(url: str, patch: pytest.MonkeyPatch) -> str:
    module = in_home("keyrings/lab_keyring.py", KEYRING.format(url=url, user=USER, password=PASSWORD))
    settings = f"[backend]\ndefault-keyring=lab_keyring.Keyring\nkeyring-path={module.parent}\n"
    in_home(".config/python_keyring/keyringrc.cfg", settings)
    patch.delenv("PYTHON_KEYRING_BACKEND")
    return url


def from_netrc(url: str, _: pytest.MonkeyPatch) -> str:
    in_home(".netrc", f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    return url


@pytest.mark.parametrize(
    "source", [from_environment, from_pypirc_by_name, from_pypirc_by_url, from_keyring, from_netrc]
)
def test_finds_credentials_and_never_shows_them(
    near: Near,
    server: Shelf,
    way: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    source: Callable[[str, pytest.MonkeyPatch], str],
) -> None:
    target = source(way.url, monkeypatch)
    # The server refuses the first upload, and repeats what it was sent.
    said = f"<h1>no</h1> {PASSWORD} is not {SENT}".encode()
    way.next.append(Answer(503, said, {"Retry-After": "0", "X-Said": SENT}))
    # Not forked, so that the process has its own arguments.
    words = ("push", "--config", config(near.path), "--verbose", target)
    with Command(*words, within=["env"]) as command:
        arguments = Path(f"/proc/{command.process.pid}/cmdline").read_text()
        assert command.end() == 0, command.stderr
    assert way.authorizations == [f"Basic {SENT}"] * 2
    assert server.files() == near.files()
    for shown in (arguments, command.stdout, command.stderr):
        assert PASSWORD not in shown
        assert SENT not in shown


def test_shows_the_reason_of_a_refusal_without_the_password(near: Near, way: Gateway) -> None:
    password = 'a "pass/wörd"'
    sent = base64.b64encode(f"{USER}:{password}".encode()).decode()
    said = f"wrong: {password} and {sent} and {json.dumps(password)} and {quote(password)}".encode()
    way.next.append(Answer(422, said))
    done = push(near.path, way.url, env={**ANN, "TWINE_PASSWORD": password}, exit_code=1)
    assert f'{FILE}: HTTP 422: wrong: … and … and "…" and …\n' in done.stdout
    assert way.authorizations == [f"Basic {sent}"]


@pytest.mark.parametrize("env", [{"TWINE_USERNAME": "ann", "TWINE_PASSWORD": "gue$$ed"}, {}])
def test_stops_after_one_refused_upload(near: Near, server: Shelf, way: Gateway, env: dict[str, str]) -> None:
    near.put("other", "1.0")
    # The smallest file, which would be sent first, has changed.
    near.put("altered", "1.0", b"short")
    (near.path / "altered-1.0-py3-none-any.whl").write_bytes(b"other")
    done = push(near.path, way.url, env=env, exit_code=1)
    who, status = ("user ann", 403) if env else ("anonymous uploads", 401)
    assert f"error: {way.url} rejects {who}: HTTP {status}: " in done.stderr
    assert "gue$$ed" not in done.output
    assert way.uploads == 1
    assert server.files() == {}


def test_needs_a_password_for_a_user(near: Near, way: Gateway) -> None:
    pypirc(way.url, f"username = {USER}")
    done = push(near.path, "lab", env={}, exit_code=2)
    assert f"user {USER}" in done.stderr
    assert "~/.pypirc" in done.stderr


def test_asks_at_a_terminal(near: Near, server: Shelf, way: Gateway) -> None:
    with Terminal(["push", "--config", config(near.path), way.url]) as terminal:
        terminal.wait_for(f"Username for {way.url} ")
        terminal.type(f"{USER}\n")
        terminal.wait_for(f"Password for {USER}: ")
        terminal.type(f"{PASSWORD}\n")
        assert terminal.end() == 0
    assert PASSWORD not in terminal.seen
    assert server.files() == near.files()


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [("\n", 1, "rejects anonymous uploads"), ("\x04", 130, "Interrupted; push again to continue")],
)
def test_accepts_no_answer_at_the_terminal(
    near: Near, way: Gateway, typed: str, code: int, said: str
) -> None:
    with Terminal(["push", "--config", config(near.path), way.url]) as terminal:
        terminal.wait_for("(Enter for anonymous): ")
        terminal.type(typed)
        assert terminal.end() == code
    assert said in terminal.seen


class TestRepository:
    @pytest.mark.parametrize(
        "target",
        [
            "http://ann:{}@127.0.0.1/",
            "https://ann:{}@127.0.0.1:99999/",
            "ann:{}@127.0.0.1/simple",
            "ftp://ann:{}@example.org/",
            "http://ann:{}/x@example.org/",
            "http://example.org/?password={}",
        ],
    )
    def test_refuses_a_url_with_a_password_and_does_not_repeat_it(self, near: Near, target: str) -> None:
        secret = "hunter2"
        for words in ([target], ["http://example.org/", "--simple-url", target]):
            if "://" not in target and len(words) > 1:
                continue
            done = push(near.path, *(word.format(secret) for word in words), env={}, exit_code=2)
            assert secret not in done.output
            assert done.stderr.startswith("error: ")

    def test_refuses_a_password_in_a_url_of_pypirc(self, near: Near) -> None:
        pypirc("http://ann:hunter2@example.org/")
        done = push(near.path, "lab", env={}, exit_code=2)
        assert "the URL of lab in ~/.pypirc" in done.stderr
        assert "hunter2" not in done.output

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "lists no repository 'lab'"),
            ("[distutils]\nindex-servers = lab\n[lab]\nusername = x\n", "[lab] has no URL"),
            ("password = hunter2\n", "cannot read"),
            ("[lab]\npassword hunter2\n", "cannot read"),
        ],
    )
    def test_reports_a_pypirc_without_the_repository(self, near: Near, text: str, said: str) -> None:
        in_home(".pypirc", text)
        done = push(near.path, "lab", env={}, exit_code=2)
        assert said in done.stderr
        assert "~/.pypirc" in done.stderr
        assert "hunter2" not in done.output

    def test_refuses_pypi(self, near: Near) -> None:
        for name in ("pypi", "testpypi"):
            assert "PyPI" in push(near.path, name, exit_code=2).stderr


@pytest.mark.parametrize(
    ("phrase", "body", "said"),
    [
        ("409 is taken", b"<html>", "409 is taken"),
        ("Conflict", b'{"message": "is taken"}', '{"message": "is taken"}'),
        ("Conflict", b"<!DOCTYPE html><style>b{}</style><b>is</b>\n taken&hellip;<!-- x -->", "is taken…"),
        ("Conflict", b"<head><title>never ends", ""),
        ("", b"\xff\x00", "�?"),
        ("Conflict", b"x" * 300, "x" * 200 + "…"),
    ],
)
def test_explains_a_refusal(phrase: str, body: bytes, said: str) -> None:
    assert explain_refusal(409, phrase, body, ()) == said


def test_names_the_extra_if_twine_is_not_installed(near: Near) -> None:
    hidden = "import sys; sys.modules['twine'] = None; from minimirror.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "push", "--config", str(config(near.path)), "http://example.org/"],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == 2
    assert f"pip install -e '{SOURCES}[push]'" in done.stderr
