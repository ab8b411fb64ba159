"""Uploads to `minimirror serve`: by twine, and by attackers."""

from __future__ import annotations

import base64
import hashlib
import os
import select
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import bcrypt
import pytest
from uv import find_uv_bin

from tests.helpers import distributions
from tests.helpers.index import Index
from tests.helpers.running import DEADLINE, Mirror, until
from tests.helpers.serving import LOGIN, PASSWORD, Server, archive, form, save_password, upload, upload_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MINE = "mine-1.0-py3-none-any.whl"
HASHES = [
    "$2y$05$I.oh1CFd5awZ1h/sClDOluBQAPLexkKY2Kgg1p7cIDe4y3CE/RSbe",
    "$apr1$Wbih9yXA$EhHjWnKdX/7CSilahYlya1",
    "{SHA}9GhyoftjpdqzBywCDABhFP4MvCM=",
    "$5$/QbSs5U0NsuNTVdh$.rnRYOo9sYVdMJCptTS1Iw.Q4wNtGoRMrK21VvaZwwC",
]
"""Hashes of the password by `htpasswd`: with -B, without options, with -s, with -2."""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A mirror that selects one project by name and the others by a glob."""
    with Index() as index:
        for name in ("demo", "named", "other"):
            index.add_wheel(name, "1.0")
        mirror = Mirror(index, tmp_path_factory.mktemp("served") / "repository", projects=["named", "*"])
        mirror.complete()
        yield mirror


@pytest.fixture(scope="module")
def server(mirror: Mirror) -> Iterator[Server]:
    with upload_server(mirror) as server:
        yield server


def twine(server: Server, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    login = ("--username", "ann", "--password", PASSWORD)
    return subprocess.run(
        [
            *(sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"),
            *("--repository-url", server.url, *login, *options, str(file)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def uv_publish(server: Server, file: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    login = ("--username", "ann", "--password", PASSWORD)
    command = (find_uv_bin(), "publish", "--no-config", "--publish-url", server.url + path, *login)
    return subprocess.run([*command, file], capture_output=True, text=True, check=False, timeout=DEADLINE)


def post(body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the head of an upload as ann."""
    fields = {"Host": "x", "Content-Type": content_type, "Content-Length": str(len(body)), **LOGIN}
    lines = [f"{name}: {value}" for name, value in {**fields, **(headers or {})}.items()]
    return "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode()


def leftovers(mirror: Mirror) -> list[Path]:
    return list((mirror.state / "uploads").iterdir())


def test_runs_keep_a_file_that_twine_uploaded(mirror: Mirror, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "private-1.0-py3-none-any.whl"
    file.write_bytes(distributions.wheel("private", "1.0", padding=1_000_000))
    result = twine(server, file)
    assert result.returncode == 0, result.stdout + result.stderr
    (listed,) = server.page("private")["files"]
    assert listed["hashes"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    mirror.index.add_wheel("private", "99.0")
    assert any("private" in note for note in mirror.complete().notes)
    assert server.names("private") == {file.name}
    assert server.ask(f"/packages/{file.name}").body == file.read_bytes()
    assert leftovers(mirror) == []


def test_a_repeated_upload_succeeds(mirror: Mirror, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "again-1.0-py3-none-any.whl"
    file.write_bytes(distributions.wheel("again", "1.0"))
    assert twine(server, file).returncode == 0
    placed = mirror.stamps()
    assert twine(server, file).returncode == 0
    assert mirror.stamps() == placed
    file.write_bytes(distributions.wheel("again", "1.0", padding=1))
    other = twine(server, file, "--verbose")
    assert other.returncode == 1
    assert "409 Conflict" in other.stdout
    assert "already exists with other content" in other.stdout


@pytest.mark.parametrize(("number", "path"), [*enumerate(("simple", "simple/", "legacy", "legacy/"))])
def test_clients_may_upload_where_other_indexes_take_files(
    mirror: Mirror, server: Server, number: int, path: str, tmp_path: Path
) -> None:
    file = tmp_path / f"at-{number}.0-py3-none-any.whl"
    file.write_bytes(distributions.wheel("at", f"{number}.0"))
    done = uv_publish(server, file, path)
    assert done.returncode == 0, done.stderr
    assert mirror.files()[file.name] == file.read_bytes()


def test_an_sdist_needs_the_python_that_its_uploader_says(mirror: Mirror, tmp_path: Path) -> None:
    """A form that is wrong, or says otherwise than the file, does not count; a restart changes nothing."""
    says = distributions.sdist("says", "2.0", extension=".zip", requires_python=">=3.9")

    def needed(server: Server) -> dict[str, str | None]:
        return {file["filename"]: file.get("requires-python") for file in server.page("says")["files"]}

    expected = {"says-1.0.zip": "<4,>=3.8", "says-2.0.zip": ">=3.9", "says-3.0.zip": None}
    with upload_server(mirror) as server:
        upload(server, "says-1.0.zip", requires_python=">=3.8, <4")
        upload(server, "says-2.0.zip", says, requires_python=">=2")
        upload(server, "says-3.0.zip", requires_python="three")
        assert needed(server) == expected
    with Server(mirror.config()) as server:
        until(lambda: len(server.names("says")) == 3, "all are listed")
        assert needed(server) == expected
    for name in expected:
        (mirror.path / name).unlink()


def test_names_that_differ_in_case_are_one(mirror: Mirror, server: Server) -> None:
    content = archive("cased-1.0.zip")
    assert upload(server, "Cased-1.0.zip", content).status == 200
    assert upload(server, "cased-1.0.zip", content).status == 200
    assert upload(server, "CASED-1.0.zip", archive("cased-1.0.zip", padding=1)).status == 409
    mirrored = (mirror.path / "demo-1.0-py3-none-any.whl").read_bytes()
    assert upload(server, "Demo-1.0-py3-none-any.whl", mirrored).status == 200
    assert {name for name in mirror.names() if name.lower().startswith(("cased", "demo"))} == {
        "Cased-1.0.zip",
        "demo-1.0-py3-none-any.whl",
    }


class TestRejection:
    def test_rejects_an_upload_without_a_password(self, mirror: Mirror, server: Server) -> None:
        body, content_type = form(MINE, b"x")
        reply = server.ask("/", "POST", body, {"Content-Type": content_type})
        assert reply.status == 401
        assert "Basic" in reply.headers["WWW-Authenticate"]
        assert MINE not in mirror.names()

    @pytest.mark.parametrize(
        "credentials", ["ann:wrong", "bob:x", "ann:", ":", "a\0n:x", "ann:" + "x" * 5000, "\n:x"]
    )
    def test_rejects_wrong_credentials(self, mirror: Mirror, server: Server, credentials: str) -> None:
        body, content_type = form(MINE, b"x")
        basic = base64.b64encode(credentials.encode()).decode()
        headers = {"Content-Type": content_type, "Authorization": f"Basic {basic}"}
        assert server.ask("/", "POST", body, headers).status == 401
        assert MINE not in mirror.names()

    @pytest.mark.parametrize("credentials", ["x", "\xff", "=", "YW5u\xe9", "/w=="])
    def test_rejects_what_are_no_credentials(self, server: Server, credentials: str) -> None:
        headers = {"Authorization": f"Basic {credentials}"}
        assert server.ask("/", "POST", b"x", headers).status == 400

    def test_rejects_all_uploads_without_a_password_file(self, mirror: Mirror, tmp_path: Path) -> None:
        """Whoever sends a big file before reading any answer still learns why."""
        file = tmp_path / MINE
        file.write_bytes(distributions.wheel("mine", "1.0", padding=5_000_000))
        with Server(mirror.config()) as server:
            for content in (b"x", file.read_bytes()):
                reply = upload(server, MINE, content)
                assert (reply.status, "--htpasswd" in reply.why) == (403, True)
            for tool in (twine(server, file, "--verbose"), uv_publish(server, file)):
                shown = " ".join((tool.stdout + tool.stderr).split())
                assert (tool.returncode != 0, "403 Forbidden" in shown) == (True, True), shown
                assert "uploads are off" in shown
            log = server.log()
        assert (
            len([line for line in log if line.startswith("WARNING: refused an upload from 127.0.0.1")]) == 4
        )
        assert MINE not in mirror.names()

    @pytest.mark.parametrize(
        "login", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YW5uOng="}]
    )
    def test_rejects_a_big_upload_with_the_way_to_log_in(self, server: Server, login: dict[str, str]) -> None:
        body, content_type = form(MINE, bytes(5_000_000))
        reply = server.ask("/", "POST", body, {"Content-Type": content_type, **login})
        assert (reply.status, "Basic" in reply.headers["WWW-Authenticate"]) == (401, True)
        assert "password" in reply.why

    @pytest.mark.parametrize("path", ["/simple/demo/", "/nothing/", "/packages/"])
    def test_says_where_to_upload_instead(self, server: Server, path: str) -> None:
        body, content_type = form(MINE, bytes(5_000_000))
        reply = server.ask(path, "POST", body, {**LOGIN, "Content-Type": content_type})
        assert (reply.status, server.url in reply.why) == (405, True)

    def test_rejects_a_file_of_a_mirrored_project(self, mirror: Mirror, server: Server) -> None:
        """Installers would take it for a file of the upstream index."""
        before = mirror.files()
        reply = upload(server, "demo-99.0-py3-none-any.whl")
        assert reply.status == 403
        assert "demo is mirrored" in reply.why
        assert upload(server, "Other-99.0.tar.gz").status == 403
        assert mirror.files() == before

    def test_accepts_a_file_of_a_project_that_the_config_names(self, server: Server) -> None:
        assert upload(server, "named-99.0-py3-none-any.whl").status == 200
        assert server.names("named") == {"named-1.0-py3-none-any.whl", "named-99.0-py3-none-any.whl"}

    @pytest.mark.parametrize(
        "filename",
        [
            "notes.txt",
            "../mine-1.0.zip",
            "/etc/mine-1.0.zip",
            ".mine-1.0.zip",
            "mine",
            "",
            "mine-1.0.zip%00",
            "m/n-1.0.zip",
        ],
    )
    def test_rejects_an_invalid_filename(self, mirror: Mirror, server: Server, filename: str) -> None:
        before = {path for path in mirror.path.parent.rglob("*") if path.is_file()}
        reply = upload(server, filename)
        assert (reply.status, "distribution filename" in reply.why) == (400, True)
        assert {path for path in mirror.path.parent.rglob("*") if path.is_file()} == before

    @pytest.mark.parametrize(
        ("filename", "content", "reason"),
        [
            ("broken-1.0.zip", b"<html>not found</html>", "not a zip archive"),
            ("broken-1.0.zip", b"", "not a zip archive"),
            (
                "broken-1.0-py3-none-any.whl",
                archive("broken-1.0-py3-none-any.whl")[:-30],
                "not a zip archive",
            ),
            ("broken-1.0-py3-none-any.whl", archive("other-1.0-py3-none-any.whl"), "no PROJECT-VERSION"),
            ("broken-1.0.tar.gz", archive("broken-1.0.tar.gz")[:-10], "not a complete archive"),
            ("broken-1.0.tar.gz", archive("broken-1.0.zip"), "not a complete archive"),
            ("broken-1.0-py3.11.egg", b"egg", "not a zip archive"),
        ],
    )
    def test_rejects_what_cannot_be_installed(
        self, mirror: Mirror, server: Server, filename: str, content: bytes, reason: str
    ) -> None:
        reply = upload(server, filename, content)
        assert (reply.status, filename in reply.why, reason in reply.why) == (400, True, True), reply
        assert filename not in mirror.names()
        assert leftovers(mirror) == []

    def test_rejects_a_wrong_digest(self, mirror: Mirror, server: Server) -> None:
        assert upload(server, "checked-1.0.zip", sha256_digest="0" * 64).status == 400
        assert "checked-1.0.zip" not in mirror.names()
        assert (
            upload(
                server,
                "checked-1.0.zip",
                sha256_digest=hashlib.sha256(archive("checked-1.0.zip")).hexdigest(),
            ).status
            == 200
        )

    def test_rejects_a_form_with_an_endless_header(self, mirror: Mirror, server: Server) -> None:
        body, content_type = form(MINE, b"x")
        body = body.replace(MINE.encode(), MINE.encode() * 10_000)
        reply = server.ask("/", "POST", body, {**LOGIN, "Content-Type": content_type})
        assert (reply.status, "invalid form" in reply.why) == (400, True)
        assert leftovers(mirror) == []

    def test_rejects_an_invalid_form(self, mirror: Mirror, server: Server) -> None:
        before = mirror.files()
        body, content_type = form("demo-1.0-py3-none-any.whl", b"x")
        for changed, kind in (
            (body.replace(b"file_upload", b"remove_pkg").replace(b"demo", b"mine"), content_type),
            (body.replace(b'name="content"', b'name="other"'), content_type),
            (body.replace(b"demo", b"mine").removesuffix(b"--\r\n"), content_type),
            (body, "application/x-www-form-urlencoded"),
            (b"x", content_type),
        ):
            reply = server.ask("/", "POST", changed, {**LOGIN, "Content-Type": kind})
            assert reply.status in {400, 415}, reply
        assert mirror.files() == before
        assert leftovers(mirror) == []

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Content-Length": "1000000000"}, 401),
            ({"Content-Length": str(5 << 30), **LOGIN}, 413),
            ({"Transfer-Encoding": "chunked", **LOGIN}, 415),
            ({"Content-Length": "many", **LOGIN}, 400),
        ],
    )
    def test_rejects_a_body_before_reading_it(
        self, server: Server, headers: dict[str, str], status: int
    ) -> None:
        """The client gets the answer without sending any of the body."""
        lines = [
            "POST / HTTP/1.1",
            "Host: example.org",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode())
            assert client.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_reads_a_changed_password_file(mirror: Mirror, tmp_path: Path) -> None:
    users = tmp_path / "users"
    save_password(users)
    with Server(mirror.config(), "--htpasswd", users) as server:
        assert upload(server, "changed-1.0.zip").status == 200
        users.write_text("bob:$apr1$x$none\n")
        os.utime(users, (0, 0))
        assert upload(server, "changed-2.0.zip").status == 401
        for number, digest in enumerate(HASHES, 1):
            users.write_text(f"ann:{digest}\nbob:{digest}\n")
            os.utime(users, (number, number))
            assert upload(server, f"other-hash-{number}.0.zip").status == 200


def test_nothing_is_written_behind_a_link(mirror: Mirror, tmp_path: Path) -> None:
    """For example, one that appears while the folder is served."""
    (tmp_path / "elsewhere").mkdir()
    with upload_server(mirror) as server:
        (mirror.state / "uploads").rmdir()
        (mirror.state / "uploads").symlink_to(tmp_path / "elsewhere")
        body, content_type = form("linked-1.0.zip", archive("linked-1.0.zip"))
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as client:
            client.sendall(post(body, content_type) + body[:-10])
            assert client.recv(13) == b"HTTP/1.1 503 "
            assert list((tmp_path / "elsewhere").iterdir()) == []
        (mirror.state / "uploads").unlink()
        (mirror.state / "uploads").mkdir()
        assert upload(server, "linked-1.0.zip").status == 200
        assert "uploads is a link" in "".join(server.log())


def test_wrong_passwords_of_one_client_keep_no_other_waiting(mirror: Mirror, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_bytes(b"ann:" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(11)) + b"\n")
    wrong = {"Authorization": f"Basic {base64.b64encode(b'ann:wrong').decode()}"}
    with Server(mirror.config(), "--htpasswd", users) as server, ExitStack() as stack:
        guesses = []
        for _ in range(100):
            guess = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), DEADLINE))
            guess.sendall(post(b"", "text/plain", wrong))
            guesses.append(guess)
        assert guesses[0].recv(13) == b"HTTP/1.1 401 "
        body, content_type = form("other-client-1.0.zip", archive("other-client-1.0.zip"))
        address = "127.0.0.1", server.port
        with socket.create_connection(address, DEADLINE, ("127.0.0.2", 0)) as client:
            client.sendall(post(body, content_type) + body)
            assert client.recv(13) == b"HTTP/1.1 200 "
        answered, _, _ = select.select(guesses[1:], [], [], 0)
        assert len(answered) < len(guesses) / 2


def test_accepts_one_of_two_simultaneous_uploads_of_a_name(mirror: Mirror, server: Server) -> None:
    """The second upload starts and ends while the first is being received."""
    second = archive("twice-1.0.zip", padding=1)
    body, content_type = form("twice-1.0.zip", archive("twice-1.0.zip"))
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as first:
        first.sendall(post(body, content_type, {"Connection": "close"}) + body[:-10])
        assert upload(server, "twice-1.0.zip", second).status == 200
        first.sendall(body[-10:])
        assert first.recv(100).startswith(b"HTTP/1.1 409 ")
    assert mirror.files()["twice-1.0.zip"] == second
