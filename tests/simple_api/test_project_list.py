"""The index's root: names and serials, read as they arrive."""

from __future__ import annotations

import json
from itertools import chain, pairwise, repeat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from pypi_simple import IndexPage

from minimirror.simple_api import JSON_TYPE, LinksPageError, PageError, read_root
from minimirror.simple_api.project_list import Listed, is_name, read_html_root, read_json_root
from tests.helpers.index.model import Manner, Project
from tests.helpers.index.pages import root_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def from_json(*chunks: bytes) -> list[Listed]:
    return list(read_json_root(chunks))


def from_html(*chunks: bytes, encoding: str = "utf-8") -> list[Listed]:
    return list(read_html_root(chunks, encoding))


def cut(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


class TestJson:
    def test_names_are_normalized_and_serials_are_read(self) -> None:
        body = b"""{"meta": {"api-version": "1.1", "_last-serial": 9},
            "projects": [{"name": "Foo.Bar", "_last-serial": 7}, {"name": "baz", "x": [1, {"y": 2}]}]}"""
        assert from_json(body) == [("foo-bar", 7), ("baz", None)]

    def test_keys_may_come_in_any_order(self) -> None:
        assert from_json(b'{"projects": [{"_last-serial": 1, "name": "a"}], "meta": {}, "x": null}\n') == [
            ("a", 1)
        ]
        assert from_json(b'\xef\xbb\xbf {"projects" : [ ] } \r\n') == []

    def test_entries_without_a_valid_name_are_skipped(self) -> None:
        entries = [{}, {"name": None}, {"name": "../a"}, {"name": "-a"}, {"name": ""}, "b", 5, None, [[]]]
        entries += [{"name": "a\n"}, {"name": "\ud800"}, {"name": "c", "_last-serial": "many"}]
        assert from_json(json.dumps({"projects": entries}).encode()) == [("c", None)]

    def test_serials_fit_into_a_catalog(self) -> None:
        assert from_json(b'{"projects": [{"name": "a", "_last-serial": 1%b}]}' % (b"0" * 30)) == [("a", None)]

    def test_names_come_as_they_arrive(self) -> None:
        asked = []

        def chunks() -> Iterator[bytes]:
            for chunk in (b'{"projects": [{"name": "a"},', b'{"name": "b"}, {"na', b'me": "c"}]', b"}"):
                asked.append(chunk)
                yield chunk

        names = read_json_root(chunks())
        seen = [(name, len(asked)) for name, _ in names]
        assert seen == [("a", 1), ("b", 2), ("c", 3)]

    @pytest.mark.parametrize("size", [1, 7, 64])
    def test_every_truncated_root_is_an_error(self, size: int) -> None:
        body = (
            b'{"meta": {"api-version": "1.0"}, "projects": [{"name": "a"}, {"name": "b"}], "x": "\xc3\xa9"}'
        )
        assert from_json(*cut(body, size)) == [("a", None), ("b", None)]
        for length in range(len(body)):
            with pytest.raises(PageError):
                from_json(*cut(body[:length], size))

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"<html></html>",
            b"{}",
            b'{"meta": {}}',
            b'{"projects": {}}',
            b'{"projects": null}',
            b'{"projects": [}',
            b'{"projects": []} x',
            b'{"projects": []}\xff',
            b'{"projects": []]',
            b'{"projects": [{"name": "\xff"}]}',
            b'{"projects": [' + b"[" * 100_000,
            b'{"x": ' + b'{"y":' * 100_000,
            b'{"x": ' + b"1" * 5000 + b', "projects": []}',
        ],
        ids=lambda body: body[:24].decode("latin-1"),
    )
    def test_an_invalid_root_is_an_error(self, body: bytes) -> None:
        with pytest.raises(PageError):
            from_json(body)

    def test_a_newer_api_is_an_error(self) -> None:
        with pytest.raises(PageError, match=r"'2\.0' of the simple API"):
            from_json(b'{"meta": {"api-version": "2.0"}, "projects": []}')

    def test_an_endless_value_does_not_fill_the_memory(self) -> None:
        endless = chain([b'{"projects": [{"name": "'], repeat(b"a" * 65536))
        with pytest.raises(PageError):
            list(read_json_root(endless))

    def test_an_error_on_the_way_is_passed_on(self) -> None:
        def chunks() -> Iterator[bytes]:
            yield b'{"projects": [{"name": "a"}, '
            raise ConnectionError("broken")

        names = read_json_root(chunks())
        assert next(names) == ("a", None)
        with pytest.raises(ConnectionError):
            next(names)


class TestHtml:
    def test_links_are_projects(self) -> None:
        body = b"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.4">
            <title>Simple</title></head><body><a href="/simple/foo-bar/">Foo.Bar</a><br>
            <A class=x HREF='baz/'> <b>baz</b>
            </A><a name="top">no link</a><a href>nor this</a></body></html>"""
        assert from_html(body) == [("foo-bar", None), ("baz", None)]

    @pytest.mark.parametrize(
        ("link", "name"),
        [
            ('<a href="/simple/foo/">Foo project</a>', "foo"),
            ('<a href="/simple/%66oo/?x=/y/#z/">a project</a>', "foo"),
            ('<a href="foo">&rarr;</a>', "foo"),
            ('<a href="https://[broken/foo/"></a>', "foo"),
            ('<a href="https://[broken/x/">foo</a>', "foo"),
            ('<a href="/simple/foo/"></a>', "foo"),
        ],
    )
    def test_a_link_without_a_name_is_named_by_its_path(self, link: str, name: str) -> None:
        assert from_html(b"<a href=a>a</a>", link.encode(), b"<a href=b>b</a>") == [
            ("a", None),
            (name, None),
            ("b", None),
        ]

    def test_links_without_a_valid_name_are_skipped(self) -> None:
        assert from_html(b"<a href='../'>..</a><a href='/'>back to top</a><a href='a/'>a</a>") == [
            ("a", None)
        ]

    def test_names_come_as_they_arrive(self) -> None:
        asked = []

        def chunks() -> Iterator[bytes]:
            for chunk in (b"<a href=a>a</a><a hr", b"ef=b>b</", b"a> <a href=c>c</a>"):
                asked.append(chunk)
                yield chunk

        names = read_html_root(chunks(), "utf-8")
        assert [(name, len(asked)) for name, _ in names] == [("a", 1), ("b", 3), ("c", 3)]

    def test_encodings(self) -> None:
        body = "<p>\xe9</p><a href='a'>a</a>"
        for encoding in ("latin-1", "utf-8", "utf-16", "UTF8"):
            assert from_html(body.encode(encoding), encoding=encoding) == [("a", None)]
        assert from_html(body.encode("latin-1")) == [("a", None)]

    @pytest.mark.parametrize("encoding", ["", "nonsense", "hex", "zlib", "rot13", "utf-8\0", "undefined"])
    def test_an_unknown_encoding_is_an_error(self, encoding: str) -> None:
        with pytest.raises(PageError):
            from_html(b"<a href='a'>a</a>", encoding=encoding)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"Service unavailable",
            b'{"projects": []}',
            b"<!DOCTYPE html>",
            b"<html><a href=a>a</a><a href=b",
            b"<html><a href=a>a</a><a href=b>b",
            b"<html><a href=a>a</a><a href=b>b</",
            b"<html><a href=a>a</a><!-- ",
            b"<html><a href=a>a</a><",
            b"<html><![x[",
        ],
    )
    def test_a_truncated_or_invalid_root_is_an_error(self, body: bytes) -> None:
        with pytest.raises(PageError):
            from_html(body)

    def test_a_newer_api_is_an_error(self) -> None:
        with pytest.raises(PageError, match=r"'2\.0' of the simple API"):
            from_html(b'<meta name="pypi:repository-version" content="2.0"><a href="a">a</a>')

    @pytest.mark.parametrize("endless", [b"x" * 65536, b"<a " * 20_000, b"<!--" * 16_000, b"&" * 65536])
    @pytest.mark.parametrize("begin", [b"<a href=a>", b"<p ", b"<!--", b"<![CDATA[", b"<?"])
    def test_an_endless_tag_does_not_fill_the_memory(self, begin: bytes, endless: bytes) -> None:
        with pytest.raises(PageError):
            list(read_html_root(chain([b"<p>", begin], repeat(endless, 1000)), "utf-8"))


# Properties

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True)
PROJECTS = st.lists(st.builds(Project, NAMES, serial=st.integers(0, 1 << 40)), max_size=8)


@st.composite
def chunked(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """A body, whole and cut at any places."""
    body = draw(bodies)
    cuts = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=8))})
    return body, [body[start:end] for start, end in pairwise(cuts)]


def _roots(projects: Iterable[Project], manner: Manner) -> tuple[bytes, bytes]:
    projects = list(projects)
    json_body, html = (
        root_page(form, manner, "https://example.org", projects, 7) for form in ("json", "html")
    )
    return json_body, html


@pytest.mark.parametrize(
    ("begin", "length", "end", "content_type"),
    [
        (b'{"a": "', 900_000, b'", "projects": [{"name": "foo"}]}', JSON_TYPE),
        (b"<!-- ", 900_000, b' --><a href="foo/">foo</a>', "text/html"),
        (b'<a title="', 60_000, b'" href="foo/">foo</a>', "text/html"),
    ],
)
def test_a_long_value_in_tiny_chunks_is_read_a_few_times_only(
    begin: bytes, length: int, end: bytes, content_type: str
) -> None:
    """If it were read again after each of these 300,000 chunks, this would take an hour."""
    body = begin + length * b"a" + end
    assert list(read_root(cut(body, 3), content_type)) == [("foo", None)]


@given(PROJECTS, st.booleans(), st.booleans(), st.integers(1, 80))
def test_both_formats_and_pypi_simple_say_the_same(
    projects: list[Project], serials: bool, relative: bool, size: int
) -> None:
    json_body, html = _roots(projects, Manner(serials=serials, relative_urls=relative))
    keys = [project.key for project in projects]
    known = [project.serial if serials else None for project in projects]
    assert from_json(*cut(json_body, size)) == list(zip(keys, known, strict=True))
    assert from_html(*cut(html, size)) == [(key, None) for key in keys]
    for reference in (IndexPage.from_json_data(json.loads(json_body)), IndexPage.from_html(html)):
        assert [canonicalize_name(name) for name in reference.projects] == keys


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.fixed_dictionaries({"name": NAMES | VALUES}, optional={"_last-serial": VALUES})
ROOTS = st.fixed_dictionaries(
    {"projects": st.lists(ENTRIES | VALUES, max_size=4) | VALUES},
    optional={"meta": VALUES, "a": VALUES},
).flatmap(lambda root: st.permutations(list(root.items())).map(dict))


def _read(read: Iterator[Listed]) -> list[Listed] | None:
    try:
        return list(read)
    except PageError:
        return None


@given(chunked((ROOTS | VALUES).map(lambda value: json.dumps(value).encode())))
def test_the_chunks_do_not_matter(body: tuple[bytes, list[bytes]]) -> None:
    whole, chunks = body
    listed = _read(read_json_root([whole]))
    assert _read(read_json_root(chunks)) == listed
    data = json.loads(whole)
    if listed is not None:
        expected = [each["name"] for each in data["projects"] if isinstance(each, dict) and "name" in each]
        assert [name for name, _ in listed] == [canonicalize_name(name) for name in expected if is_name(name)]
    elif isinstance(data, dict) and isinstance(data.get("projects"), list):
        assert "meta" in data  # a version that is not understood


@given(chunked(st.binary() | st.text().map(str.encode)), st.sampled_from(["utf-8", "latin-1", "utf-16"]))
def test_any_bytes_are_read_or_refused(body: tuple[bytes, list[bytes]], encoding: str) -> None:
    whole, chunks = body
    assert _read(read_json_root(chunks)) is None
    assert _read(read_html_root(chunks, encoding)) == _read(read_html_root([whole], encoding))


PIECES = st.sampled_from(
    [
        "<a href=",
        "'x'",
        ">",
        "a",
        "</a>",
        "<!--",
        "-->",
        "<",
        "&",
        "amp;",
        "\xe9",
        "<script>",
        "<![",
        "]>",
        " ",
    ]
)


@given(chunked(st.lists(PIECES, max_size=20).map(lambda pieces: "".join(pieces).encode())))
def test_any_markup_in_any_chunks_is_read_or_refused(body: tuple[bytes, list[bytes]]) -> None:
    _, chunks = body
    for name, serial in _read(read_html_root(chunks, "utf-8")) or []:
        assert is_name(name)
        assert serial is None


FILE = b'<a href="cpu/torch-2.0%2Bcpu-py3-none-any.whl#sha256=abc">torch-2.0+cpu-py3-none-any.whl</a>'


@pytest.mark.parametrize(
    "page",
    [
        FILE,
        b'<a href="../">Parent</a>' + FILE,
        b'<a href="foo-1.0.tar.gz">foo</a><a href="foo-1.0.zip">foo</a>',
    ],
    ids=["a wheel", "a folder listing", "sdists"],
)
def test_a_page_of_links_to_files_is_no_list_of_projects(page: bytes) -> None:
    with pytest.raises(LinksPageError, match="find-links"):
        from_html(page)


def test_a_file_among_projects_means_nothing() -> None:
    page = b'<a href="foo/">foo</a><a href="bar.zip/">bar.zip</a>' + FILE
    assert from_html(page) == [("foo", None), ("bar-zip", None)]
