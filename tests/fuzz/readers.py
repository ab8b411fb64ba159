"""What reads input from others, each with valid examples."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from urllib3 import HTTPResponse

from minimirror.bundle.layout import HEADER_SIZE, PartHeader, read_part_header, tar_header
from minimirror.bundle.manifest import ManifestError, read_manifest
from minimirror.distributions import (
    Target,
    projects_named,
    read_filename,
    read_wheel_metadata,
    requires_python,
)
from minimirror.resolution.inputs import find_inputs, read_lock, read_requirements
from minimirror.resolution.uv.sdist import build_requirements
from minimirror.selection import ProjectRequest, Rules, select
from minimirror.simple_api import JSON_TYPE, read_page, read_root
from minimirror.storage import FileRow, ProjectRow
from minimirror.upstream import IndexAddress, IndexReader, RemoteFile, Retry, completed, vulnerabilities
from minimirror.upstream.client import Reply
from minimirror.upstream.http import Head, Response
from tests.helpers import distributions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from minimirror.upstream.http import Request

__all__ = ["READERS", "Reader"]

_URL = "https://example.org/simple/demo/"
_TARGETS = (Target("3.12", "manylinux_2_28_x86_64"), Target("3.10", "win_amd64"))
_ALL = Rules(None, None, None, None, releases=None, prereleases=True, yanked=True)
_RULES = (_ALL, replace(_ALL, targets=_TARGETS, releases=2, prereleases=False, uploaded_before=1e9))
_SHA256 = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Reader:
    """Reads input of one kind; raises errors of minimirror only."""

    name: str
    read: Callable[[bytes], object]
    examples: Sequence[bytes]
    share: int
    """How many of a hundred inputs are for it."""


def _page(content_type: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        page = read_page(data, content_type, _URL)
        for rules in _RULES:
            select(page.files, "demo", rules, ProjectRequest(), now=2e9, status=page.status)

    return read


def _root(content_type: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        step = 1 + len(data) % 97
        for _ in read_root((data[at : at + step] for at in range(0, len(data), step)), content_type):
            pass

    return read


class _Http:
    """Serves one body, and parts of it. An `Http`."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def get(self, request: Request) -> Response:
        return Response(Head(request.url, 200, {}), self._body)

    def open(self, url: str, headers: Mapping[str, str], _deadline: float) -> Reply:
        size = len(self._body)
        first, _, last = headers["Range"].removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, size - int(last))
        part = self._body[start : int(last) + 1 if first else size]
        found = {"content-range": f"bytes {start}-{start + len(part) - 1}/{size}"}
        return Reply(Head(url, 206, found), HTTPResponse(io.BytesIO(part), preload_content=False))

    async def pause(self, seconds: float) -> None:
        raise AssertionError(seconds)

    async def aside(self, function: Callable[[], object]) -> object:
        return function()


_ONCE = Retry(attempts=1)


def _advisories(data: bytes) -> None:
    address = IndexAddress("https://example.org/simple/")
    index = IndexReader(address, _Http(data), _ONCE)  # type: ignore[arg-type]
    completed(vulnerabilities(index, "demo", "1.0"))


def _wheel(data: bytes) -> None:
    file = RemoteFile(_Http(data), "https://example.org/demo-1.0-py3-none-any.whl", _ONCE)  # type: ignore[arg-type]
    requires_python(read_wheel_metadata(file, "demo-1.0-py3-none-any.whl"))


def _metadata(data: bytes) -> None:
    requires_python(data)


def _filename(data: bytes) -> None:
    filename = data.decode("utf-8", "surrogateescape")
    projects_named(filename)
    read_filename(filename, "demo")


_FOLDER = tempfile.TemporaryDirectory(prefix="minimirror-fuzz-")


def _in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    def write_and_read(data: bytes) -> None:
        path = Path(_FOLDER.name, name)
        path.write_bytes(data)
        read(path)

    return write_and_read


def _lock(path: Path) -> None:
    read_lock(find_inputs([str(path)])[0], _TARGETS)


def _requirements(path: Path) -> None:
    read_requirements(find_inputs([str(path)])[0])


def _pyproject(path: Path) -> None:
    for suffix in ("", "[fast]", ":dev"):
        read_requirements(find_inputs([f"{path}{suffix}"])[0])


def _manifest(data: bytes) -> None:
    path = Path(_FOLDER.name, "manifest.jsonl.gz")
    path.write_bytes(gzip.compress(data, 1))
    with suppress(ManifestError):
        for _ in read_manifest(path):
            pass


def _part_header(data: bytes) -> None:
    size = HEADER_SIZE - 512
    read_part_header(tar_header("part.json", size) + data.ljust(size - 1) + b"\n", Path("lab.tar"))


_FILE = {
    "filename": "demo-1.0-py3-none-any.whl",
    "url": "../../files/demo-1.0-py3-none-any.whl",
    "hashes": {"sha256": _SHA256},
    "size": 1234,
    "upload-time": "2024-02-03T04:05:06.789Z",
    "requires-python": ">=3.8",
    "yanked": "broken",
    "core-metadata": {"sha256": _SHA256},
    "provenance": "https://example.org/provenance",
}
_FILES = [
    _FILE,
    {**_FILE, "filename": "demo-2.0.post1.tar.gz", "yanked": False},
    {**_FILE, "filename": "demo-2-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"},
    {**_FILE, "filename": "demo-0.1-py2.7-win-amd64.egg"},
]
_JSON_PAGE = {
    "meta": {"api-version": "1.3", "_last-serial": 7},
    "name": "demo",
    "project-status": {"status": "archived"},
    "versions": ["1.0", "2.0.post1"],
    "files": _FILES,
}
_LINK = (
    f'<a href="../../files/demo-1.0.tar.gz#sha256={_SHA256}" data-requires-python="&gt;=3.8" data-yanked=""'
    ' data-core-metadata="true" data-upload-time="2024-02-03T04:05:06Z">demo-1.0.tar.gz</a><br>\n'
)
_HTML_PAGE = (
    '<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.3"><base href="/x/">'
    f"<title>demo</title></head><body><!-- files --><h1>demo</h1>{3 * _LINK}"
    "<script>if (a<b) c()</script></body></html>"
)
_ROOT = {
    "meta": {"api-version": "1.0"},
    "projects": [{"name": f"p-{at}", "_last-serial": at} for at in range(9)],
}
_HTML_ROOT = "<!DOCTYPE html><body>" + "".join(f'<a href="/simple/p-{at}/">P.{at}</a>\n' for at in range(9))
_ADVISORIES = {
    "info": {"name": "demo"},
    "vulnerabilities": [
        {"id": "PYSEC-2024-1", "aliases": ["CVE-2024-1"], "withdrawn": None},
        {"id": "GHSA-xxxx", "withdrawn": "2024-01-01T00:00:00Z"},
    ],
}
_FILENAMES = b"""\
demo-1.0-py3-none-any.whl demo-2.0.post1.tar.gz Demo-1-cp39-cp39-win32.whl demo-1.0.zip demo-1-1.tar.bz2
demo-1.0-1-cp312-abi3-macosx_10_9_x86_64.macosx_11_0_arm64.whl demo-1.0.linux-x86_64.tar.gz demo-1.0-py2.7.egg
demo-1.0-py2.7-win-amd64.egg demo-1.0.win32-py2.7.exe demo-1.0-1.noarch.rpm demo-1.0.win-amd64-py3.4.msi
demo-1.0.macosx-10.9-x86_64.dmg"""
_REQUIREMENTS = f"""\
# what we need
requests[socks]>=2.31,<3 ; python_version >= "3.8" and (os_name == 'nt' or extra == "x") # comment
demo==1.0 --hash=sha256:{_SHA256} \\
    --hash=sha512:{2 * _SHA256}
--index-url https://example.org/simple
name @ https://example.org/name-1.0.tar.gz
-e ./here
git+https://example.org/x.git#egg=x
"""
_PYPROJECT = """\
[project]
name = "demo"
dependencies = ["requests>=2", "rich; python_version < '3.9'"]
dynamic = ["version"]
[project.optional-dependencies]
fast = ["uvloop"]
[dependency-groups]
dev = ["pytest", {include-group = "lint"}]
lint = ["ruff"]
[build-system]
requires = ["setuptools>=68", "wheel"]
"""
_PYLOCK = f"""\
lock-version = "1.0"
created-by = "hand"
requires-python = ">=3.9"
environments = ["sys_platform == 'linux'", "sys_platform == 'win32'"]
extras = ["fast"]
default-groups = ["main"]
dependency-groups = ["main"]
[[packages]]
name = "demo"
version = "1.0"
marker = "'fast' in extras and 'main' in dependency_groups or python_version > '3.9'"
requires-python = ">=3.8"
dependencies = [{{name = "other"}}]
wheels = [{{url = "https://example.org/demo-1.0-py3-none-any.whl", hashes = {{sha256 = "{_SHA256}"}}}}]
[[packages]]
name = "other"
sdist = {{url = "https://example.org/other-2.0.tar.gz", hashes = {{sha256 = "{_SHA256}"}}}}
[[packages]]
name = "third"
vcs = {{type = "git", url = "https://example.org/x.git", commit-id = "abc"}}
"""
_UV_LOCK = f"""\
version = 1
revision = 3
requires-python = ">=3.9"
resolution-markers = ["python_full_version >= '3.12'", "python_full_version < '3.12'"]
supported-markers = ["sys_platform == 'linux'"]
conflicts = [[{{ package = "app", extra = "cpu" }}, {{ package = "app", extra = "gpu" }}]]
[manifest]
requirements = [{{ name = "rich", specifier = ">=13", marker = "os_name == 'posix'" }}]
[[package]]
name = "app"
version = "0.1"
source = {{ virtual = "." }}
dependencies = [{{ name = "rich", marker = "python_full_version >= '3.9' and extra == 'extra-3-app-cpu'" }}]
[package.optional-dependencies]
cpu = [{{ name = "rich", version = "13.0", source = {{ registry = "https://example.org/simple" }} }}]
gpu = [{{ name = "rich", extra = ["jupyter"] }}]
[package.dev-dependencies]
dev = [{{ name = "rich" }}]
[[package]]
name = "rich"
version = "13.0"
source = {{ registry = "https://example.org/simple" }}
sdist = {{ url = "https://example.org/rich-13.0.tar.gz", hash = "sha256:{_SHA256}", size = 5 }}
wheels = [{{ url = "https://example.org/rich-13.0-py3-none-any.whl", hash = "sha256:{_SHA256}" }}]
"""
_ROW = FileRow(
    "demo-1.0.tar.gz", "demo", "1.0", 3, _SHA256, 1.5, ">=3.8", "why", "true", "https://example.org/x"
)
_MANIFEST = [
    {
        "bundle": {
            "mirror": _SHA256[:32],
            "number": 2,
            "name": "lab.tar",
            "state": _SHA256,
            "mirrored": 1.5,
            "files": 1,
            "bytes": 3,
        }
    },
    {"export": {"number": 1, "name": "lab-1.tar", "made": 1.0}},
    {"project": ProjectRow("demo", 7, 7, '"etag"', "x", due=1.5)._asdict()},
    {"file": _ROW._asdict(), "carried_by": 2, "local": True},
]
_PART_HEADER = PartHeader(
    number=1,
    name="lab.tar",
    manifest_size=9,
    manifest_sha256=_SHA256,
    signature_size=9,
    signature_sha256=_SHA256,
)
_METADATA = distributions.core_metadata(
    "demo", "1.0", requires=["x>1; extra == 'y'"], requires_python=">=3.8"
)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _deflated(wheel: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return buffer.getvalue()


_WHEELS = (
    _deflated(distributions.wheel("demo", "1.0", requires=["x"] * 50)),
    distributions.wheel("demo", "1.0", requires=["x"], requires_python=">=3.8"),
    distributions.wheel("demo", "1.0", padding=90_000),
)
_SDIST = distributions.sdist("demo", "1.0")
_ZIP = distributions.sdist("demo", "1.0", extension=".zip")
READERS = (
    Reader("JSON page", _page(JSON_TYPE), [_json(_JSON_PAGE), json.dumps(_JSON_PAGE).encode("utf-16")], 22),
    Reader("HTML page", _page("text/html"), [_HTML_PAGE.encode(), _LINK.encode()], 20),
    Reader("JSON root", _root(JSON_TYPE), [_json(_ROOT)], 8),
    Reader("HTML root", _root("text/html; charset=utf-8"), [_HTML_ROOT.encode()], 8),
    Reader("advisories", _advisories, [_json(_ADVISORIES)], 6),
    Reader("filename", _filename, _FILENAMES.split(), 14),
    Reader("wheel", _wheel, _WHEELS, 8),
    Reader("metadata", _metadata, [_METADATA], 3),
    Reader("sdist", _in_file("demo-1.0.tar.gz", build_requirements), [_SDIST], 1),
    Reader("sdist.tar", _in_file("demo-1.0.tar", build_requirements), [gzip.decompress(_SDIST)], 1),
    Reader("sdist.zip", _in_file("demo-1.0.zip", build_requirements), [_ZIP], 1),
    Reader("requirement file", _in_file("requirements.txt", _requirements), [_REQUIREMENTS.encode()], 2),
    Reader("pyproject.toml", _in_file("pyproject.toml", _pyproject), [_PYPROJECT.encode()], 1),
    Reader("pylock.toml", _in_file("pylock.toml", _lock), [_PYLOCK.encode()], 1),
    Reader("uv.lock", _in_file("uv.lock", _lock), [_UV_LOCK.encode()], 1),
    Reader("manifest", _manifest, [b"".join(_json(line) + b"\n" for line in _MANIFEST)], 2),
    Reader("part header", _part_header, [_PART_HEADER.encode()[512:].strip()], 1),
)
