"""A URL with a digest is required: its file is mirrored like any other, and the index's project is not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from minimirror import Config
from minimirror.sync import explain, plan
from tests.helpers import distributions
from tests.helpers.installers import install
from tests.helpers.running import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.index import File, Index

T = [{"python": "3.12", "platform": "manylinux_2_28_x86_64"}]
LIB, LIB_2, OTHER = "lib-5.0-py3-none-any.whl", "lib-6.0-py3-none-any.whl", "lib-9.0-py3-none-any.whl"
DEP, USER = "dep-1.0-py3-none-any.whl", "user-1.0-py3-none-any.whl"


class Site:
    """An index, where a stranger has a `lib`, and another server, which has the right one."""

    def __init__(self, index: Index, other: Index, folder: Path) -> None:
        self.index, self.other, self.folder = index, other, folder
        index.add_wheel("lib", "9.0", requires=["evil"])
        index.add_wheel("user", "1.0", requires=["lib"])
        for name in ("dep", "evil"):
            index.add_wheel(name, "1.0")
        self.files = {
            name: other.add_wheel("lib", name.split("-")[1], requires=["dep"]) for name in (LIB, LIB_2)
        }
        self.rules: dict[str, Any] = {
            "index_url": index.url,
            "requirements": [str(folder / "r.txt")],
            "targets": T,
            "retries": 0,
            "max_delete": 0,
        }
        self.mirror = Mirror(index, folder / "mirror", **self.rules)

    def requires(self, *lines: str) -> None:
        (self.folder / "r.txt").write_text("\n".join(lines))

    def url(self, name: str) -> str:
        return self.other.file_url(self.files[name])

    def line(self, name: str) -> str:
        return f"lib @ {self.url(name)}#sha256={self.files[name].sha256}"

    def config(self, **rules: Any) -> Config:
        return Config(repository=self.mirror.path, **{**self.rules, **rules})


@pytest.fixture
def site(index_factory: Callable[..., Index], tmp_path: Path) -> Site:
    return Site(index_factory(), index_factory(), tmp_path)


class TestRequirements:
    def test_the_file_is_mirrored_and_stays(self, site: Site, tmp_path: Path) -> None:
        site.requires("user", site.line(LIB))
        planned = plan(site.config())
        assert {each.filename for each in planned.fetch} == {LIB, DEP, USER}
        assert [site.mirror.complete().files_fetched for _ in range(3)] == [3, 0, 0]
        assert site.mirror.names() == {LIB, DEP, USER}
        assert not plan(site.config()).fetch
        assert "lib" not in site.index.pages_read()
        assert install(site.mirror.path, tmp_path / "to", "user") == {"user==1.0", "lib==5.0", "dep==1.0"}

    @pytest.mark.parametrize("serials", [True, False])
    def test_another_file_replaces_it_and_nothing_counts_as_lost(
        self, serials: bool, index_factory: Callable[..., Index], tmp_path: Path
    ) -> None:
        """A removal is the config's doing, so it needs no confirmation."""
        site = Site(index_factory(serials=serials), index_factory(), tmp_path)
        site.requires(site.line(LIB))
        site.mirror.complete()
        site.requires(site.line(LIB_2))
        assert {each.filename for each in plan(site.config()).remove} == {LIB}
        site.mirror.complete(max_delete=0)
        assert site.mirror.names() == {LIB_2, DEP}
        site.requires("lib")
        site.mirror.complete(max_delete=0)
        assert site.mirror.names() == {OTHER, "evil-1.0-py3-none-any.whl"}
        site.requires(site.line(LIB))
        site.mirror.complete(max_delete=0)
        assert site.mirror.names() == {LIB, DEP}
        site.requires("dep")
        site.mirror.complete(max_delete=0)
        assert site.mirror.names() == {DEP}

    def test_of_an_index_that_is_mirrored_as_a_whole(self, site: Site) -> None:
        """`projects` selects the index's files too."""
        site.requires(site.line(LIB))
        site.mirror.complete(projects=["*"])
        assert site.mirror.names() == {LIB, OTHER, DEP, USER, "evil-1.0-py3-none-any.whl"}
        assert site.mirror.complete(projects=["*"]).files_fetched == 0
        site.mirror.complete(projects=["us*"])
        assert site.mirror.names() == {LIB, DEP, USER}

    def test_the_digest_must_match(self, site: Site) -> None:
        wrong = "0" * 64
        site.requires(f"lib @ {site.url(LIB)} --hash=sha256:{wrong}")
        failures = " ".join(map(str, site.mirror.run().failures))
        assert wrong in failures
        assert site.files[LIB].sha256 in failures
        assert LIB not in site.mirror.names()

    @pytest.mark.parametrize(
        ("form", "note"),
        [
            ("lib @ {url}", "#sha256="),
            ("{url}", "#sha256="),
            ("{url}#md5={md5}", "#sha256="),
            ("lib @ {secret}#sha256={sha256}", "a URL"),
            ("lib @ {url}?token=1#sha256={sha256}", "a URL"),
            ("lib @ https://example.org/archive/main.zip#sha256={sha256}", "a URL"),
        ],
    )
    def test_what_cannot_be_mirrored_is_noted(self, form: str, note: str, site: Site) -> None:
        url = site.url(LIB)
        values = {
            "sha256": site.files[LIB].sha256,
            "md5": "0" * 32,
            "secret": url.replace("://", "://me:s3cret@"),
        }
        site.requires("user", form.format(url=url, **values))
        (told,) = site.mirror.complete().notes
        assert note in told
        assert "s3cret" not in told
        assert site.mirror.names() == {USER}

    def test_an_sdist(self, site: Site) -> None:
        content = distributions.sdist("lib", "7.0")
        file = site.other.add("lib", "lib-7.0.tar.gz", content)
        digest = hashlib.sha512(content).hexdigest()
        site.requires("user", f"{site.other.file_url(file)} --hash=sha512:{digest}")
        (note,) = site.mirror.complete().notes
        assert '"build": true' in note
        assert site.mirror.names() == {"lib-7.0.tar.gz", USER}

    def test_rules_about_time_do_not_apply(self, site: Site) -> None:
        """A digest is pinned, and nobody tells when the file was uploaded."""
        site.requires(site.line(LIB))
        site.mirror.complete(min_age="1 hour")
        assert site.mirror.names() == {LIB, DEP}

    def test_other_rules_apply(self, site: Site) -> None:
        site.requires(site.line(LIB))
        assert "matches lib-5*" in str(site.mirror.run(exclude_files=["lib-5*"]).failures)

    def test_explain_says_where_it_comes_from(self, site: Site) -> None:
        site.requires(site.line(LIB))
        for name in ("lib", LIB):
            found = explain(site.config(), name)
            assert [each.file.filename for each in found.decisions if each.wanted] == [LIB]
            assert any(site.url(LIB) in note for note in found.notes)
        assert "lib" not in site.index.pages_read()

    def test_a_file_in_the_folder_is_adopted(self, site: Site) -> None:
        site.requires(site.line(LIB))
        site.mirror.path.mkdir()
        (site.mirror.path / LIB).write_bytes(site.files[LIB].content)
        assert site.mirror.complete().files_adopted == 1

    def test_a_marker(self, site: Site) -> None:
        """On one target the project comes from a URL, on another one from the index."""
        site.requires(f"{site.line(LIB)} ; sys_platform == 'linux'", "lib ; sys_platform != 'linux'")
        site.mirror.complete(targets=[*T, {"python": "3.12", "platform": "win_amd64"}])
        assert site.mirror.names() == {LIB, DEP, OTHER, "evil-1.0-py3-none-any.whl"}

    def test_a_source_in_a_pyproject(self, site: Site, tmp_path: Path) -> None:
        url = site.line(LIB).removeprefix("lib @ ")
        (tmp_path / "pyproject.toml").write_text(
            f'[project]\nname = "me"\ndependencies = ["lib"]\n[tool.uv.sources]\nlib = {{url = "{url}"}}\n'
        )
        assert site.mirror.complete(requirements=[str(tmp_path / "pyproject.toml")]).notes == []
        assert site.mirror.names() == {LIB, DEP}


class TestLocks:
    @pytest.mark.parametrize("name", ["uv.lock", "pylock.toml"])
    def test_a_file_at_a_url(self, name: str, site: Site, tmp_path: Path) -> None:
        file: File = site.files[LIB]
        source = f'source = {{url = "{site.url(LIB)}"}}\nwheels = [{{hash = "sha256:{file.sha256}"}}]\n'
        archive = f'archive = {{url = "{site.url(LIB)}", hashes = {{sha256 = "{file.sha256}"}}}}\n'
        text = {
            "uv.lock": 'version = 1\nrequires-python = ">=3.8"\n[[package]]\nname = "me"\nversion = "1"\n'
            'source = {virtual = "."}\ndependencies = [{name = "lib"}]\n'
            f'[[package]]\nname = "lib"\nversion = "5.0"\n{source}',
            "pylock.toml": 'lock-version = "1.0"\ncreated-by = "test"\n'
            f'[[packages]]\nname = "lib"\nversion = "5.0"\n{archive}',
        }
        (tmp_path / name).write_text(text[name])
        for fetched in (1, 0):
            summary = site.mirror.complete(requirements=[str(tmp_path / name)])
            assert (summary.files_fetched, summary.notes) == (fetched, [])
        assert site.mirror.names() == {LIB}
