"""Project pages: both formats read to the same files, and one bad entry costs one entry."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypi_simple import ProjectPage

from minimirror.simple_api import HTML_TYPE, JSON_TYPE, File, Page, PageError, parse_serial, read_page
from minimirror.simple_api.link_reader import MAX_FILES
from minimirror.simple_api.project_page import MAX_PROBLEMS, read_json
from minimirror.simple_api.project_page import read_html as read_html_bytes
from tests.helpers.index.model import File as Listed
from tests.helpers.index.model import Manner, Project
from tests.helpers.index.pages import project_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

URL = "https://example.org/simple/foo/"
NAME = "foo-1.0.tar.gz"
SHA256 = "a1" * 32


def entry(**fields: Any) -> dict[str, Any]:
    """An entry of a JSON page: as little as one may say, and these fields."""
    said = {"filename": NAME, "url": f"/files/{NAME}", "hashes": {}}
    return {key: value for key, value in {**said, **fields}.items() if value is not ...}


def json_page(*entries: object, **fields: Any) -> Page:
    page = {"meta": {"api-version": "1.0"}, "name": "foo", "files": list(entries), **fields}
    return read_json(json.dumps(page).encode(), URL)


def json_file(**fields: Any) -> File:
    page = json_page(entry(**fields))
    assert page.problems == []
    (file,) = page.files
    return file


def read_html(text: str, url: str) -> Page:
    return read_html_bytes(text.encode(), url)


def html_file(link: str) -> File:
    page = read_html(f"<!DOCTYPE html><html><body>{link}</body></html>", URL)
    assert page.problems == []
    (file,) = page.files
    return file


class TestJson:
    def test_a_minimal_entry(self) -> None:
        assert json_file() == File(NAME, f"https://example.org/files/{NAME}", {})

    def test_a_full_entry(self) -> None:
        page = json_page(
            entry(
                **{
                    "url": "https://files.example.org/x/" + NAME,
                    "hashes": {"sha256": SHA256.upper(), "blake2b": "0f" * 64},
                    "requires-python": ">=3.8",
                    "core-metadata": {"sha256": SHA256},
                    "yanked": "broken",
                    "size": 123,
                    "upload-time": "2024-01-02T03:04:05.678901Z",
                    "gpg-sig": True,
                }
            ),
            meta={"api-version": "1.4", "_last-serial": 77},
            **{"project-status": {"status": "archived", "reason": "done"}},
        )
        assert page == Page(
            [
                File(
                    NAME,
                    "https://files.example.org/x/" + NAME,
                    {"sha256": SHA256, "blake2b": "0f" * 64},
                    size=123,
                    upload_time=1704164645.678901,
                    requires_python=">=3.8",
                    yanked="broken",
                    core_metadata=f"sha256={SHA256}",
                )
            ],
            status="archived",
            serial=77,
        )

    @pytest.mark.parametrize(
        ("url", "absolute"),
        [
            (NAME, f"https://example.org/simple/foo/{NAME}"),
            (f"../../files/{NAME}", f"https://example.org/files/{NAME}"),
            (f"/files/{NAME}", f"https://example.org/files/{NAME}"),
            (f"//files.example.org/{NAME}", f"https://files.example.org/{NAME}"),
            (f"http://example.org/{NAME}#sha256=abc", f"http://example.org/{NAME}"),
            (f"http://example.org/{NAME}?token=1", f"http://example.org/{NAME}?token=1"),
        ],
    )
    def test_urls_are_made_absolute(self, url: str, absolute: str) -> None:
        assert json_file(url=url).url == absolute

    @pytest.mark.parametrize(
        ("yanked", "read"), [(False, None), (True, ""), ("broken", "broken"), ("", None), (None, None)]
    )
    def test_yanked_may_be_a_boolean_or_a_reason(self, yanked: object, read: str | None) -> None:
        assert json_file(yanked=yanked).yanked == read

    @pytest.mark.parametrize(
        ("fields", "read"),
        [
            ({"core-metadata": True}, "true"),
            ({"core-metadata": False}, None),
            ({"core-metadata": {}}, None),
            ({"core-metadata": {"sha256": SHA256.upper()}}, f"sha256={SHA256}"),
            ({"core-metadata": {"sha512": "00" * 64}}, "true"),
            ({"core-metadata": {"sha256": "\ud800"}}, "true"),
            ({"core-metadata": {"sha256": 5}}, "true"),
            ({"dist-info-metadata": {"sha256": SHA256}}, f"sha256={SHA256}"),
            ({"core-metadata": False, "dist-info-metadata": True}, None),
        ],
    )
    def test_core_metadata(self, fields: dict[str, Any], read: str | None) -> None:
        assert json_file(**fields).core_metadata == read

    @pytest.mark.parametrize(
        ("url", "read"),
        [
            (None, None),
            ("", None),
            (5, None),
            ("\ud800", None),
            ("//[broken/x", None),
            ("javascript:alert(1)", None),
            ("https://index.example.org/a.provenance", "https://index.example.org/a.provenance"),
            (f"{NAME}.provenance", f"{URL}{NAME}.provenance"),
        ],
    )
    def test_provenance(self, url: object, read: str | None) -> None:
        assert json_file(provenance=url).provenance == read

    @pytest.mark.parametrize(
        ("bad", "name"),
        [
            (entry(filename=...), "an entry"),
            (entry(url=...), NAME),
            (entry(filename=5), "5"),
            (entry(url=["x"]), NAME),
            (entry(url="//[broken/x"), NAME),
            (entry(url="https://example.org/\ud800"), NAME),
            (entry(filename="\ud800"), "\\ud800"),
            (entry(yanked="\ud800"), NAME),
            (entry(**{"requires-python": "\ud800"}), NAME),
            ("a string", "a string"),
            (["a list"], "an entry"),
            (None, "an entry"),
            (7, "7"),
        ],
    )
    def test_one_bad_entry_costs_only_that_entry(self, bad: object, name: str) -> None:
        page = json_page(entry(filename="a.zip"), bad, entry(filename="b.zip"))
        assert [file.filename for file in page.files] == ["a.zip", "b.zip"]
        (problem,) = page.problems
        assert name in problem
        assert "\n" not in problem
        problem.encode()

    @pytest.mark.parametrize("field", ["requires-python", "upload-time", "core-metadata", "hashes"])
    @pytest.mark.parametrize("value", [None, [], {}, 0])
    def test_odd_optional_values_are_ignored(self, field: str, value: object) -> None:
        assert json_file(**{field: value}) == json_file()

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "x",
            "not hexadecimal",
            5,
            True,
            [],
            {},
            SHA256[1:],
            SHA256 + "00",
            f"sha256:{SHA256}",
            "\ud800",
        ],
    )
    def test_a_digest_that_cannot_be_read_is_not_told(self, value: object) -> None:
        assert json_file(hashes={"sha256": value}) == json_file()
        assert json_file(hashes={"sha256": value, "md5": "0f" * 16}).digests == {"md5": "0f" * 16}
        assert json_file(hashes={"\ud800": SHA256, "SHA512": SHA256 * 2}).digests == {"sha512": SHA256 * 2}
        assert json_file(hashes="sha256") == json_file()

    @pytest.mark.parametrize(
        ("value", "size"),
        [
            *(
                (619, 619),
                (0, 0),
                ("619", 619),
                (None, None),
                ("", None),
                ("6 kB", None),
                ("-1", None),
                (-1, None),
            ),
            *((1.5, None), (True, None), (1 << 60, None), ("9" * 5000, None), ("\u0663", None), ([], None)),
        ],
    )
    def test_a_size_may_be_text_and_one_that_cannot_be_read_is_not_told(
        self, value: object, size: int | None
    ) -> None:
        assert json_file(size=value).size == size

    @pytest.mark.parametrize("value", ["py3", "*", ">=3.8 <4", ">=3.6.*", "3.8", ">= three"])
    def test_an_invalid_requires_python_is_no_bound_and_is_named(self, value: str) -> None:
        json_body = json.dumps({"files": [entry(**{"requires-python": value})]})
        html = f'<a href="{NAME}" data-requires-python="{value.replace("<", "&lt;")}">x</a>'
        for body, content_type in ((json_body, JSON_TYPE), (html, "text/html")):
            page = read_page(body.encode(), content_type, URL)
            assert [file.requires_python for file in page.files] == [None]
            assert page.invalid_pythons == {NAME: value}
            assert page.problems == []

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html></html>",
            b"[]",
            b"null",
            b'"files"',
            b"{}",
            b'{"files": {}}',
            b'{"files": null}',
            b'{"files": []',
            b"\xff\xfe\x00",
            b"[" * 100_000,
            b'{"files":' * 100_000,
            b'{"files": [], "x": ' + b"1" * 5000 + b"}",
        ],
        ids=lambda body: body[:20].decode("latin-1"),
    )
    def test_an_invalid_page_is_an_error(self, body: bytes) -> None:
        with pytest.raises(PageError):
            read_json(body, URL)

    def test_a_newer_api_is_an_error(self) -> None:
        for version in ("2.0", "10.1", "x", "", "1" * 5000, None, ["1.0"], {"1": 0}):
            with pytest.raises(PageError, match="of the simple API"):
                json_page(meta={"api-version": version})
        for understood in ("1.0", "1.99", "1", 1.0, 1):
            assert json_page(meta={"api-version": understood}) == Page()
        assert json_page(meta={}) == json_page(meta=[]) == Page()

    def test_deep_nesting_is_an_error(self) -> None:
        for depth in [*range(10, 1010, 7), 5_000, 20_000, 100_000]:
            nested = b"[" * depth + b"]" * depth
            for body in (
                b'{"files": [{"filename": %b}]}',
                b'{"files": [%b]}',
                b'{"files": [], "meta": {"api-version": %b}}',
            ):
                try:
                    page = read_json(body % nested, URL)
                except PageError:
                    continue
                assert len(page.problems) == 1


class TestHtml:
    def test_a_minimal_entry(self) -> None:
        assert html_file(f'<a href="/files/{NAME}">{NAME}</a>') == json_file()

    def test_a_full_entry(self) -> None:
        page = read_html(
            f"""<!DOCTYPE html><html><head>
            <META NAME="pypi:repository-version" CONTENT="1.4">
            <meta name="pypi:project-status" content="quarantined"/>
            <meta name="pypi:project-status-reason" content="malware"/>
            </head><body><h1>foo</h1>
            <A HREF="https://files.example.org/x/{NAME}#sha256={SHA256.upper()}" class="a"
               data-requires-python="&gt;=3.8" data-yanked="a &quot;bad&quot; one" data-gpg-sig="true"
               data-core-metadata="sha256={SHA256}" data-dist-info-metadata="false"
               data-upload-time="2024-01-02T03:04:05Z"><b>any</b> text</A><br></body></html>""",
            URL,
        )
        assert page == Page(
            [
                File(
                    NAME,
                    "https://files.example.org/x/" + NAME,
                    {"sha256": SHA256},
                    upload_time=1704164645.0,
                    requires_python=">=3.8",
                    yanked='a "bad" one',
                    core_metadata=f"sha256={SHA256}",
                )
            ],
            status="quarantined",
        )

    @pytest.mark.parametrize(
        ("head", "href", "absolute"),
        [
            ("", NAME, f"https://example.org/simple/foo/{NAME}"),
            ("", f"../../files/{NAME}", f"https://example.org/files/{NAME}"),
            ("", f" \n/files/{NAME}\t", f"https://example.org/files/{NAME}"),
            ("", f"//files.example.org/{NAME}", f"https://files.example.org/{NAME}"),
            ("", f"{NAME}?a=1&amp;b=2", f"https://example.org/simple/foo/{NAME}?a=1&b=2"),
            ('<base href="/files/">', NAME, f"https://example.org/files/{NAME}"),
            ('<base href="../../files/">', NAME, f"https://example.org/files/{NAME}"),
            ('<base href="https://x.example.org/y/">', NAME, f"https://x.example.org/y/{NAME}"),
            ('<base href="/a/"><base href="/b/">', NAME, f"https://example.org/a/{NAME}"),
            ('<base target="_top"><base href="/b/">', NAME, f"https://example.org/b/{NAME}"),
            ('<base href="/a/">', f"/b/{NAME}", f"https://example.org/b/{NAME}"),
        ],
    )
    def test_urls_are_made_absolute(self, head: str, href: str, absolute: str) -> None:
        page = read_html(f'<html><head>{head}</head><a href="{href}">x</a></html>', URL)
        assert [(file.filename, file.url) for file in page.files] == [(NAME, absolute)]

    def test_a_filename_is_the_last_part_of_the_path_decoded(self) -> None:
        names = ["foo-1.0%2Blocal.zip", "%66oo-1.zip", "a%2Fb.zip", "sub/foo-1.zip", "..%2f..%2fx.zip"]
        page = read_html("".join(f"<a href={name}>y</a>" for name in names), URL)
        read = ["foo-1.0+local.zip", "foo-1.zip", "a/b.zip", "foo-1.zip", "../../x.zip"]
        assert [file.filename for file in page.files] == read

    @pytest.mark.parametrize(
        ("fragment", "digests"),
        [
            (f"#sha256={SHA256}", {"sha256": SHA256}),
            (f"#SHA256={SHA256.upper()}", {"sha256": SHA256}),
            (f"#md5={'0f' * 16}", {"md5": "0f" * 16}),
            (f"#egg=foo-1.0&sha256={SHA256}", {"sha256": SHA256}),
            (f"#sha256={SHA256}&subdirectory=x", {"sha256": SHA256}),
            (f"#sha256%3D{SHA256}", {"sha256": SHA256}),
            (f"#md5=&sha256={SHA256}", {"sha256": SHA256}),
            ("#sha256=", {}),
            ("#sha256=xyz", {}),
            ("#sha256%3Dxyz", {}),
            ("#sha256", {}),
            (f"#BLAKE3={SHA256}", {"blake3": SHA256}),
            ("#blake3=wX+/=", {"blake3": "wX+/="}),
            (f"#k12={SHA256}", {"k12": SHA256}),
            (f"#egg={SHA256}", {}),
            ("#egg=foo", {}),
            ("#", {}),
            ("", {}),
        ],
    )
    def test_digests(self, fragment: str, digests: dict[str, str]) -> None:
        assert html_file(f'<a href="{NAME}{fragment}">x</a>').digests == digests

    @pytest.mark.parametrize(
        ("attribute", "yanked"),
        [("", None), ("data-yanked", ""), ('data-yanked=""', ""), ('data-yanked="why"', "why")],
    )
    def test_yanked(self, attribute: str, yanked: str | None) -> None:
        assert html_file(f'<a href="{NAME}" {attribute}>x</a>').yanked == yanked

    @pytest.mark.parametrize(
        ("attribute", "read"),
        [
            ('data-core-metadata="true"', "true"),
            ('data-core-metadata="True"', "true"),
            ('data-core-metadata="false"', None),
            ('data-core-metadata="False"', None),
            ('data-core-metadata=""', None),
            (f'data-dist-info-metadata="sha256={SHA256}"', f"sha256={SHA256}"),
            ('data-core-metadata="true" data-dist-info-metadata="false"', "true"),
        ],
    )
    def test_core_metadata(self, attribute: str, read: str | None) -> None:
        assert html_file(f'<a href="{NAME}" {attribute}>x</a>').core_metadata == read

    def test_provenance(self) -> None:
        file = html_file(f'<a href="{NAME}" data-provenance="{NAME}.provenance">x</a>')
        assert file.provenance == f"{URL}{NAME}.provenance"

    def test_one_bad_link_costs_only_that_link(self) -> None:
        page = read_html('<a href="a.zip">x</a><a href="https://[broken/x">y</a><a href="b.zip">z</a>', URL)
        assert [file.filename for file in page.files] == ["a.zip", "b.zip"]
        (problem,) = page.problems
        assert "https://[broken/x" in problem

    def test_a_bad_base_is_an_error(self) -> None:
        with pytest.raises(PageError):
            read_html('<base href="https://[broken/"><a href="a.zip">x</a>', URL)

    def test_an_empty_page_has_no_files_and_text_is_an_error(self) -> None:
        assert read_html("<!DOCTYPE html><html><body></body></html>", URL) == Page()
        for body in ("", "Service unavailable", '{"files": []}'):
            with pytest.raises(PageError):
                read_html(body, URL)

    def test_a_newer_api_is_an_error(self) -> None:
        with pytest.raises(PageError, match=r"'2\.0' of the simple API"):
            read_html('<meta name="pypi:repository-version" content="2.0">', URL)

    @pytest.mark.parametrize(
        "body",
        [
            "<a href='x.zip' " * 20_000,
            "<div>" * 100_000 + "<a href='x.zip'>x</a>",
            "<!-- <a href='x.zip'>x</a>",
            "<![CDATA[<a href='x.zip'>x</a>",
            "<![if x]><a href='x.zip'>x</a><![endif]>",
            "<!DOCTYPE [<!ENTITY x '<a>'>]>",
            "<!" + "[" * 1000,
            "<a href='x.zip'>&#xD800;&#0;&#x110000;&#99999999999999;</a>",
        ],
        ids=lambda body: body[:20],
    )
    def test_broken_markup_is_read_or_refused(self, body: str) -> None:
        try:
            page = read_html(body, URL)
        except PageError:
            return
        assert all(isinstance(file, File) for file in page.files)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01T00:00:00.5Z", 0.5),
        ("1970-01-01T00:00:00.25Z", 0.25),
        ("1970-01-01T00:00:00.125Z", 0.125),
        ("1970-01-01T00:00:00.123456Z", 0.123456),
        ("1970-01-01T00:00:00.123456789Z", 0.123456),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01 00:00:00Z", 0.0),
        ("1970-01-01T00:00:00", 0.0),
        ("9999-12-31T23:59:59Z", 253402300799.0),
        ("yesterday", None),
        ("2024-13-01T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+23:59", -62135683140.0),
        ("", None),
        (1700000000, None),
        (None, None),
    ],
)
def test_upload_times(value: object, seconds: float | None) -> None:
    assert json_file(**{"upload-time": value}).upload_time == seconds
    if isinstance(value, str):
        assert html_file(f'<a href="{NAME}" data-upload-time="{value}">x</a>').upload_time == seconds


@pytest.mark.parametrize(
    ("value", "serial"),
    [
        (7, 7),
        ("7", 7),
        (0, 0),
        ((1 << 63) - 1, (1 << 63) - 1),
        (1 << 63, None),
        (str(1 << 63), None),
        ("9" * 5000, None),
        (-1, None),
        ("-1", None),
        (True, None),
        (1.5, None),
        (float("nan"), None),
        ("x", None),
        ("", None),
        (None, None),
        ([1], None),
    ],
)
def test_serials_fit_into_a_catalog(value: object, serial: int | None) -> None:
    assert parse_serial(value) == serial
    assert type(parse_serial(value)) in {int, type(None)}


def test_a_page_of_bad_entries_is_rejected() -> None:
    few, many = [None] * MAX_PROBLEMS, [None] * (MAX_PROBLEMS + 1)
    assert len(read_json(json.dumps({"files": few}).encode(), URL).problems) == MAX_PROBLEMS
    with pytest.raises(PageError, match=f"more than {MAX_PROBLEMS} invalid"):
        read_json(json.dumps({"files": many}).encode(), URL)
    with pytest.raises(PageError, match=f"more than {MAX_PROBLEMS} invalid"):
        read_html('<a href="http://[">x</a>' * (MAX_PROBLEMS + 1), URL)


@pytest.mark.parametrize(
    ("href", "filename"),
    [
        ("../", None),
        ("..", None),
        ("?C=N;O=D", None),
        ("#top", None),
        ("https://example.org", None),
        ("mailto:me@example.org", None),
        ("javascript:void(0)", None),
        ("file:///etc/foo-1.0.tar.gz", "foo-1.0.tar.gz"),
        ("file:/etc/foo-1.0.tar.gz", "foo-1.0.tar.gz"),
        ("data:text/plain,/foo-1.0.tar.gz", "foo-1.0.tar.gz"),
        ("ftp://example.org/foo-1.0.tar.gz?x=/y", "foo-1.0.tar.gz"),
        ("https://example.org/foo%2D1.0.tar.gz", "foo-1.0.tar.gz"),
        ("https://example.org/..%2ffoo-1.0.tar.gz", "../foo-1.0.tar.gz"),
    ],
)
def test_a_link_is_a_file_if_it_ends_in_a_name(href: str, filename: str | None) -> None:
    page = read_html(f'<a href="{href}">x</a>', URL)
    assert [file.filename for file in page.files] == ([filename] if filename else [])
    assert page.problems == []


# Both formats, against each other and against pypi-simple

TEXT = st.text(min_size=1, max_size=20)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
LISTED = st.builds(
    Listed,
    project=st.just("foo"),
    filename=TEXT.filter(lambda name: name not in {".", ".."}),
    content=st.binary(max_size=8),
    upload_time=st.none()
    | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc)),  # noqa: DTZ001
    requires_python=st.none() | TEXT,
    yanked=st.booleans() | TEXT,
    hashes=st.booleans() | st.builds(lambda value: {"sha256": value}, HEX),
    size=st.booleans() | st.integers(0, 1 << 40),
    core_metadata=st.none() | st.booleans() | st.builds(lambda value: {"sha256": value}, HEX),
)
MANNERS = st.builds(
    Manner,
    relative_urls=st.booleans(),
    base_href=st.sampled_from([None, None, "/", "../../files/", "https://example.org/files/foo/"]),
    html_upload_times=st.just(True),
    digests=st.booleans(),
)


def _pages(manner: Manner, files: Sequence[Listed]) -> tuple[bytes, str]:
    project = Project("foo", 3, list(files), status="deprecated")
    json_body, html = (
        project_page(form, manner, "https://example.org", project) for form in ("json", "html")
    )
    return json_body, html.decode()


@given(MANNERS, st.lists(LISTED, max_size=4))
def test_both_formats_say_the_same(manner: Manner, files: list[Listed]) -> None:
    json_body, html = _pages(manner, files)
    from_json, from_html = read_json(json_body, URL), read_html(html, URL)
    assert from_json.problems == from_html.problems == []
    assert from_json.status == from_html.status == "deprecated"
    # HTML has no place for the size.
    assert [file._replace(size=None) for file in from_json.files] == from_html.files
    assert [file.filename for file in from_json.files] == [file.filename for file in files]
    assert [file.size for file in from_json.files] == [file.said_size for file in files]


@given(MANNERS, st.lists(LISTED, max_size=4))
def test_pypi_simple_reads_the_same(manner: Manner, files: list[Listed]) -> None:
    json_body, html = _pages(manner, files)
    for page, reference in (
        (read_json(json_body, URL), ProjectPage.from_json_data(json.loads(json_body), URL)),
        (read_html(html, URL), ProjectPage.from_html("foo", html, URL)),
    ):
        for file, package in zip(page.files, reference.packages, strict=True):
            assert file.url == package.url
            assert file.digests == package.digests
            assert file.size == package.size
            assert file.requires_python == package.requires_python
            assert (file.yanked is not None) == package.is_yanked
            assert (file.yanked or None) == (package.yanked_reason or None)
            assert (file.core_metadata is not None) == bool(package.has_metadata)
            assert file.upload_time == (package.upload_time and package.upload_time.timestamp()) or (
                package.upload_time is None  # which it does not look for in HTML
            )
        assert page.serial == (reference.last_serial and int(reference.last_serial))


# Anything at all

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
KEYS = ["filename", "url", "hashes", "requires-python", "yanked", "size", "upload-time", "core-metadata"]
ENTRIES = st.dictionaries(st.sampled_from(KEYS), JSON).map(lambda odd: entry(**odd))
BODIES = st.fixed_dictionaries(
    {"files": st.lists(ENTRIES | JSON, max_size=3) | JSON},
    optional={"meta": JSON | st.dictionaries(st.sampled_from(["api-version", "_last-serial"]), JSON)}
    | {"project-status": JSON | st.dictionaries(st.just("status"), JSON)},
)
SOUP = st.lists(
    st.sampled_from(
        [
            "<a ",
            "href=",
            '"',
            "'",
            ">",
            "</a>",
            "<base ",
            "<meta name=pypi:",
            "#sha256=",
            "<!--",
            "<![",
            "&#",
            "http://[",
            "//",
            "data-yanked",
            "\n        ",
            "data-upload-time=",
            "%",
            "\x00",
            "<script>",
            "</",
            "<?",
            "]]>",
        ]
    )
    | st.text(max_size=4),
    max_size=20,
).map("".join)


def _check(page: Page) -> None:
    """Whatever was read can be kept in a catalog, go through a pipe and be shown."""
    assert page.serial is None or 0 <= page.serial < 1 << 63
    for problem in page.problems:
        problem.encode()
    for file in page.files:
        texts = [file.filename, file.url, *file.digests, *file.digests.values()]
        texts += [text for text in (file.requires_python, file.yanked, file.core_metadata) if text]
        "".join(texts).encode()
        assert "#" not in file.url
        urlsplit(file.url)
        assert file.size is None or 0 <= file.size < 1 << 50
        assert type(file.upload_time) in {float, type(None)}
    assert pickle.loads(pickle.dumps(page)) == page


@given(JSON | BODIES)
def test_any_json_is_read_or_refused(value: object) -> None:
    try:
        page = read_json(json.dumps(value).encode(), URL)
    except PageError:
        return
    assert isinstance(value, dict)
    assert len(page.files) + len(page.problems) == len(value["files"])
    _check(page)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(PageError):
        read_json(body, URL)


@given(SOUP | st.text())
def test_any_text_is_read_or_refused(body: str) -> None:
    try:
        page = read_html(body, URL)
    except PageError:
        return
    _check(page)


class TestLongPages:
    """A page of more than a megabyte is read file by file."""

    FILLER: ClassVar = ["1." + "0" * 100] * 15_000

    def test_it_has_the_same_files(self) -> None:
        entries = [entry(filename=f"foo-{number}.tar.gz", hashes={"sha256": SHA256}) for number in range(9)]
        fields = {"meta": {"api-version": "1.1", "_last-serial": 7}, "project-status": {"status": "archived"}}
        short = json_page(*entries, None, **fields)
        assert json_page(*entries, None, **fields, versions=self.FILLER) == short
        assert json_page(*entries, None, versions=self.FILLER, **fields) == short

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
    def test_it_may_have_any_encoding_of_json(self, encoding: str) -> None:
        body = json.dumps({"versions": self.FILLER, "files": [entry(yanked="\u0142")]}, ensure_ascii=False)
        (file,) = read_json(body.encode(encoding), URL).files
        assert file.yanked == "\u0142"

    @pytest.mark.parametrize(
        ("page", "cause"),
        [
            (b'{"x": [%s], "files": 1}', "no list of files"),
            (b'{"x": [%s]}', "no list of files"),
            (b'{"x": [%s]', "ends early"),
            (b'{"x": [%s]} x', "not JSON"),
            (b"[[%s]]", "not JSON"),
            (b'{"files": [[%s]]}', "not JSON"),
            (b'{"files": [], "x": {"y": [%s]}}', "not JSON"),
            (b'{"files": [], "meta": {"api-version": "2.0"}, "x": [%s]}', "version"),
        ],
    )
    def test_a_page_that_is_not_one(self, page: bytes, cause: str) -> None:
        with pytest.raises(PageError, match=cause):
            read_json(page % ((b"1" * 99 + b",") * 18_000 + b"0"), URL)

    def test_too_many_files(self) -> None:
        body = b'{"files": [%s]}' % b",".join([json.dumps(entry()).encode()] * (MAX_FILES + 1))
        with pytest.raises(PageError, match=f"{MAX_FILES:,} files"):
            read_json(body, URL)


class TestTags:
    def test_many_attributes_cost_one_page(self) -> None:
        for start in ("<a href=x", "<p"):
            with pytest.raises(PageError, match="tag longer than"):
                read_html(start + " a" * 100_000 + ">", URL)

    def test_other_attributes_of_a_link_do_not_matter(self) -> None:
        attributes = " ".join(f"a{number}" for number in range(9_000))
        assert html_file(f"<a {attributes} href={NAME}>").filename == NAME

    def test_a_script_may_be_longer_than_a_tag(self) -> None:
        assert html_file(f"<script>{'<b' * 200_000}</script><a href={NAME}>").filename == NAME


def test_a_long_requires_python_costs_one_file() -> None:
    most = ">=3," * 249 + ">=3"
    assert json_file(requires_python=..., **{"requires-python": most}).requires_python == most
    page = json_page(entry(**{"requires-python": most + ",>=3.1"}), entry())
    assert [file.requires_python for file in page.files] == [None]
    assert "longer than 1000" in page.problems[0]


@pytest.mark.parametrize("form", ["json", "html"])
def test_many_different_requires_python_cost_one_page(form: str) -> None:
    def body(specifiers: Iterable[str]) -> tuple[bytes, str]:
        if form == "html":
            links = (f'<a href={NAME} data-requires-python="{each}">' for each in specifiers)
            return "".join(links).encode(), HTML_TYPE
        entries = [entry(**{"requires-python": each}) for each in specifiers]
        return json.dumps({"files": entries}).encode(), JSON_TYPE

    long = ">=3.8" + ",>=3" * 200
    page = read_page(*body([long] * 300), URL)
    assert len(page.files) == 300
    with pytest.raises(PageError, match="requires-python"):
        read_page(*body(f"{long},!=3.{number}.*" for number in range(300)), URL)


def test_many_digests_cost_one_file() -> None:
    page = json_page(entry(hashes={f"sha{number}": SHA256 for number in range(50)}), entry())
    assert len(page.files) == 1
    assert "digests" in page.problems[0]
