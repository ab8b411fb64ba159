"""The pages as text: whatever the catalog holds, clients read the same from both forms."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pip._internal.index.collector import IndexContent, parse_links
from pypi_simple import DistributionPackage, IndexPage, ProjectPage

from minimirror.simple_api.project_page import read_html, read_json
from minimirror.simple_api.render import Entry, in_order, project_html, project_json, root_html, root_json

URL = "https://example.org/here/simple/demo/"
FILES = "https://example.org/here/"

names = st.from_regex(
    r"demo-[0-9]\.[0-9]{1,2}[A-Za-z0-9._+!-]{0,20}(\.tar\.gz|-py3-none-any\.whl)", fullmatch=True
)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
texts = st.text(max_size=30) | st.sampled_from(
    [">=3,<4", '"><script>alert(1)</script>', 'it\'s & broken &amp; "bad" &#34;', "<a href='x'>", "ünïcödé ✓"]
)
entries = st.builds(
    Entry,
    filename=names,
    version=st.sampled_from(["1.0", "1.10", "1.9", "2.0.post1", "0!1", "not one"]),
    size=st.integers(0, 1 << 49),
    sha256=digests,
    upload_time=st.none() | st.integers(0, 4_000_000_000_000_000).map(lambda micro: micro / 1e6),
    requires_python=st.none() | texts.filter(bool),
    yanked=st.none() | texts,
    metadata=st.none() | digests,
    provenance=st.none() | st.just("https://example.org/a?b=1&c=2"),
)
pages = st.lists(entries, max_size=5, unique_by=lambda entry: entry.filename)


def json_of(listed: list[Entry], status: str | None = None) -> ProjectPage:
    return ProjectPage.from_json_data(json.loads(project_json("demo", listed, status)), URL)


def html_of(listed: list[Entry], status: str | None = None) -> ProjectPage:
    return ProjectPage.from_html("demo", project_html("demo", listed, status), URL)


def as_entry(package: DistributionPackage, version: str, *, html: bool) -> Entry:
    """An entry as pypi-simple has read it; what HTML cannot say, as if it were 0."""
    moment = package.upload_time
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert package.url == FILES + re.sub("[+!]", lambda m: f"%{ord(m[0]):02X}", package.filename)
    return Entry(
        filename=package.filename,
        version=version,
        size=0 if html else package.size or 0,
        sha256=package.digests["sha256"],
        upload_time=None if moment is None else (moment - epoch) / timedelta(seconds=1),
        requires_python=package.requires_python,
        yanked=(package.yanked_reason or "") if package.is_yanked else None,
        metadata=(package.metadata_digests or {})["sha256"] if package.has_metadata else None,
        provenance=package.provenance_url,
    )


class TestReadBack:
    @given(listed=pages)
    @example(listed=[])
    def test_json(self, listed: list[Entry]) -> None:
        page = json_of(listed)
        versions = {entry.filename: entry.version for entry in listed}
        read = [as_entry(each, versions[each.filename], html=False) for each in page.packages]
        assert sorted(read) == sorted(listed)
        assert sorted(page.versions or ()) == sorted(set(versions.values()))
        assert (page.project, page.repository_version) == ("demo", "1.4")

    @given(listed=pages)
    def test_html(self, listed: list[Entry]) -> None:
        page = html_of(listed)
        versions = {entry.filename: entry.version for entry in listed}
        read = [as_entry(each, versions[each.filename], html=True) for each in page.packages]
        assert sorted(read) == sorted(entry._replace(size=0, upload_time=None) for entry in listed)
        assert page.repository_version == "1.4"

    @given(listed=pages)
    def test_pip(self, listed: list[Entry]) -> None:
        """Both forms are the same links, to the files, with all that pip decides on."""
        read = []
        for form, content in (
            ("application/vnd.pypi.simple.v1+json", project_json("demo", listed)),
            ("text/html", project_html("demo", listed)),
        ):
            links = parse_links(IndexContent(content, form, None, URL, cache_link_parsing=False))
            read.append({
                link.filename: (
                    link.url_without_fragment.startswith(FILES),
                    link._hashes,
                    link.requires_python,
                    link.yanked_reason,
                    link.metadata_file_data and link.metadata_file_data.hashes,
                )
                for link in links
            })  # fmt: skip
        assert read[0] == read[1] == {
            each.filename: (
                True,
                {"sha256": each.sha256},
                each.requires_python,
                each.yanked,
                each.metadata and {"sha256": each.metadata},
            )
            for each in listed
        }  # fmt: skip

    @given(listed=pages)
    def test_minimirror(self, listed: list[Entry]) -> None:
        """A mirror may have this one for its index."""
        found = {each.filename: each for each in read_json(project_json("demo", listed), URL).files}
        html = {each.filename: each for each in read_html(project_html("demo", listed), URL).files}
        for entry in listed:
            file = found[entry.filename]
            assert (file.size, file.upload_time, file.yanked) == (entry.size, entry.upload_time, entry.yanked)
            assert file._replace(size=None, upload_time=None) == html[entry.filename]

    @given(status=st.sampled_from(["archived", "quarantined", "deprecated"]) | texts.filter(str.strip))
    def test_status(self, status: str) -> None:
        assert read_json(project_json("demo", [], status), URL).status == status
        assert read_html(project_html("demo", [], status), URL).status == status


def test_files_are_sorted_by_version() -> None:
    versions = ["1.10", "1.9", "odd", "2.0rc1", "2.0"]
    listed = in_order(
        Entry(f"demo-{version}{extension}", version, 1, "a" * 64)
        for version in versions
        for extension in (".zip", ".tar.gz")
    )
    in_turn = ["odd", "1.9", "1.10", "2.0rc1", "2.0"]
    assert [(each.version, each.filename[-3:]) for each in listed] == [
        (version, end) for version in in_turn for end in (".gz", "zip")
    ]
    assert json_of(listed).versions == in_turn


@pytest.mark.parametrize("seconds", [1e300, -1e15, 253402300800.0])
def test_an_impossible_time_is_left_out(seconds: float) -> None:
    assert json_of([Entry("demo-1.0.tar.gz", "1.0", 1, "a" * 64, seconds)]).packages[0].upload_time is None


@given(projects=st.lists(st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True), max_size=5, unique=True))
def test_root(projects: list[str]) -> None:
    page = IndexPage.from_json_data(json.loads(b"".join(root_json(projects))))
    assert (page.projects, page.repository_version) == (projects, "1.4")
    page = IndexPage.from_html(b"".join(root_html(projects)))
    assert (page.projects, page.repository_version) == (projects, "1.4")


def test_metadata_without_a_digest() -> None:
    listed = [Entry("demo-1.0-py3-none-any.whl", "1.0", None, "", metadata="")]
    for page in json_of(listed), html_of(listed):
        assert (page.packages[0].has_metadata, page.packages[0].metadata_digests) == (True, {})
