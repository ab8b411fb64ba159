"""The messages that a user can meet. To accept new wording: ``pytest --inline-snapshot=fix``."""

# ruff: noqa: E501 - snapshots are whole messages

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from inline_snapshot import snapshot

from minimirror.distributions.targets import Target
from minimirror.resolution.inputs import (
    RequirementsError,
    find_inputs,
    read_lock,
    read_requirements,
)
from minimirror.resolution.uv import ResolveError
from tests.helpers import distributions
from tests.helpers.index import Body, Status
from tests.helpers.resolving import LINUX, WINDOWS, Resolver
from tests.helpers.running import SOURCES, Mirror

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index as Server

A = "a" * 64


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, so that messages show relative paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error(here: Path, entry: str, text: str | bytes) -> str:
    """Write a file, read it as an entry of `requirements`, and return the error message."""
    name = entry.partition("[")[0].partition(":")[0]
    (here / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RequirementsError) as caught:
        read(f"{here}/{entry}")
    return str(caught.value)


def read(entry: str) -> None:
    (given,) = find_inputs([entry])
    if given.kind in {"pylock", "uv.lock"}:
        read_lock(given, [LINUX])
    else:
        read_requirements(given)


class TestEntries:
    def test_files_that_cannot_be_used(self, here: Path) -> None:
        (here / "folder").mkdir()
        (here / "r.txt").write_text("")
        (here / "setup.toml").write_text("")
        os.mkfifo(here / "pipe")
        entries = ("missing.txt", "none/*.in", "r.txt[x]", "folder", "pipe", "setup.toml")
        found = []
        for entry in entries:
            with pytest.raises(RequirementsError) as caught:
                find_inputs([f"{here}/{entry}"])
            found.append(str(caught.value).replace(f"{here}/", ""))
        assert found == snapshot(
            [
                '"missing.txt": file not found; correct `requirements` or create the file',
                '"none/*.in": no file matches; correct `requirements` or create the file',
                '"r.txt[x]": file not found; only a pyproject.toml or uv.lock can be followed by [extra] or :group',
                "folder: is a folder, not a file",
                "pipe: not a regular file",
                "setup.toml: unknown kind of TOML file; use pyproject.toml, pylock.toml or pylock.NAME.toml (PEP 751)",
            ]
        )

    def test_several_problems(self) -> None:
        with pytest.raises(RequirementsError) as caught:
            find_inputs(["/a.txt", "/b/*.txt"])
        assert str(caught.value) == snapshot("""\
2 problems:
  "/a.txt": file not found; correct `requirements` or create the file
  "/b/*.txt": no file matches; correct `requirements` or create the file\
""")

    def test_invalid_extra(self, here: Path) -> None:
        assert error(here, "pyproject.toml[a b]", "").replace(f"{here}/", "") == snapshot(
            '"pyproject.toml[a b]": invalid extra or group "a b"; write "pyproject.toml[extra]" or "pyproject.toml:group"'
        )

    def test_not_utf_8(self, here: Path) -> None:
        assert error(here, "r.txt", b"foo\n# \xe9") == snapshot("r.txt:2: not UTF-8; save the file as UTF-8")

    def test_invalid_toml(self, here: Path) -> None:
        assert error(here, "pyproject.toml", "[project") == snapshot(
            "pyproject.toml: invalid TOML: Expected ']' at the end of a table declaration (at end of document)"
        )


class TestPyproject:
    def test_errors(self, here: Path) -> None:
        dynamic = '[project]\ndynamic = ["dependencies"]'
        found = [
            error(here, entry, text)
            for entry, text in (
                ("pyproject.toml", ""),
                ("pyproject.toml", dynamic),
                ("pyproject.toml", "[project]\ndynamic = 1"),
                ("pyproject.toml", "[project]\ndependencies = 1"),
                ("pyproject.toml", "[project]\noptional-dependencies = 1"),
                ("pyproject.toml[docs]", "[project]\noptional-dependencies = {doc = [], test = []}"),
                ("pyproject.toml[docs]", "[project]\noptional-dependencies = {test = []}"),
                ("pyproject.toml[docs]", "[project]"),
                ("pyproject.toml:dev", "[project]"),
            )
        ]
        assert found == snapshot(
            [
                'pyproject.toml: no [project] table (PEP 621); state the dependencies there, name a group of [dependency-groups] as "pyproject.toml:group", or use a requirement or lock file',
                "pyproject.toml: its dependencies are dynamic: only a build can determine them; state them in [project], or use a requirement or lock file",
                "pyproject.toml: project.dynamic must be a list of texts",
                "pyproject.toml: project.dependencies must be a list of texts",
                "pyproject.toml: project.optional-dependencies must be a table",
                'pyproject.toml: no extra "docs"; did you mean "doc"?',
                'pyproject.toml: no extra "docs"; available: test',
                'pyproject.toml: no extra "docs"; it defines none',
                'pyproject.toml: no [dependency-groups] table (PEP 735), so no group "dev"',
            ]
        )


class TestRequirementFiles:
    def test_errors(self, here: Path) -> None:
        text = "foo==\nbar==1 --hash=md5:00\n--unknown\nbaz --hash='\n-r https://example.org/r.txt\n-r none.txt\n"
        assert error(here, "r.txt", text) == snapshot("""\
6 problems:
  r.txt:3: no such option: --unknown
  r.txt:4: could not parse the options: no closing quotation
  r.txt:5: cannot include a URL, "https://example.org/r.txt"; save it and include the file
  r.txt:6: includes none.txt: file not found
  r.txt:1: invalid requirement "foo==": Expected semicolon (after name with no version specifier) or end
  r.txt:2: invalid hash "md5:00"; write --hash=sha256:… with 64 hexadecimal digits (or sha384, sha512)\
""")

    def test_problems_and_notes(self, here: Path) -> None:
        (here / "c.txt").write_text("")
        (here / "r.txt").write_text(
            "foo @ https://example.org/foo.zip\ngit+https://example.org/foo\n./foo\n-e .\n"
            f"-i https://example.org/simple\n--pre\nfoo --no-binary foo\n--hash=sha256:{A}\n"
            "foo --hash=sha256:" + A + " bar\n-c c.txt -c c.txt\n"
        )
        (given,) = find_inputs([f"{here}/r.txt"])
        found = read_requirements(given)
        assert list(found.problems) == snapshot(
            [
                'r.txt:1: cannot mirror "foo @ https://example.org/foo.zip": it is a URL, not a project of the index',
                'r.txt:2: cannot mirror "git+https://example.org/foo": it is a version control URL, not a project of the index',
                'r.txt:3: cannot mirror "./foo": it is a local path, not a project of the index',
                'r.txt:4: cannot mirror "-e .": it is an editable requirement, not a project of the index; its dependencies are not stated (PEP 621)',
            ]
        )
        assert [note.replace(A, "…") for note in found.notes] == snapshot(
            [
                "r.txt:5: --index-url is ignored: set `index_url` in the config",
                'r.txt:6: --pre is ignored: set `"prereleases": true` in the config, or name one in a specifier, as in foo>=2.0rc1',
                "r.txt:7: --no-binary has no effect after a requirement",
                "r.txt:8: --hash has no effect without a requirement",
                'r.txt:9: text after the options is ignored, as in pip: "foo --hash=sha256:… bar"',
                "r.txt:10: only the first -r, -c or -e of a line is used, as in pip",
            ]
        )


PYLOCK = 'lock-version = "1.0"\ncreated-by = "test"\n'
UV_LOCK = 'version = 1\nrequires-python = ">=3.8"\n'


class TestLocks:
    def test_errors(self, here: Path) -> None:
        conflict = '[{package = "a", extra = "b"}, {package = "a", extra = "c"}]'
        package = '[[package]]\nname = "foo"\nversion = "1"\n'
        member = '[[package]]\nname = "app"\nsource = {editable = "."}\n'
        found = [
            error(here, entry, text)
            for entry, text in (
                ("pylock.toml", PYLOCK),
                ("pylock.toml", PYLOCK.replace("1.0", "2.0") + "packages = []"),
                ("pylock.toml", PYLOCK + "packages = []\nenvironments = [\"extra == 'x'\"]"),
                ("uv.lock", ""),
                ("uv.lock", "version = 2"),
                ("uv.lock", "version = 1"),
                ("uv.lock", UV_LOCK + package + 'source = {hg = "x"}'),
                ("uv.lock", UV_LOCK + package + 'source = {registry = "x"}'),
                ("uv.lock", UV_LOCK + member + 'dependencies = [{name = "foo", version = "1"}]'),
                ("uv.lock", UV_LOCK + f"conflicts = [{', '.join([conflict] * 9)}]"),
            )
        ]
        assert found == snapshot(
            [
                "pylock.toml: not a valid lock (PEP 751): Missing required value in 'packages'; create the lock again",
                "pylock.toml: pylock version 2.0 is not supported; update minimirror, or create the lock with an older lock-version",
                'pylock.toml: could not evaluate the marker "extra == "x""',
                "uv.lock: not a uv.lock: no version; create a pylock.toml with `uv export --format pylock.toml`",
                "uv.lock: version 2 is not supported, only version 1; create a pylock.toml with `uv export --format pylock.toml`",
                "uv.lock: requires-python: Field required",
                "uv.lock: package[0].source: unknown kind of source; update minimirror",
                "uv.lock: no project or script needs its packages; create the lock again",
                "uv.lock: package[0].dependencies[0]: foo 1 is not in the lock; create the lock again",
                "uv.lock: more than 512 choices of conflicting extras; export those that you install with `uv export --format pylock.toml --extra …` and use these files instead",
            ]
        )

    def test_problems_and_unsupported_targets(self, here: Path) -> None:
        (here / "pylock.toml").write_text(
            PYLOCK + 'requires-python = ">=3.8"\nenvironments = ["sys_platform == \'linux\'"]\npackages = [\n'
            '{name = "far", version = "2.0", directory = {path = "../far"}},\n'
            '{name = "git", vcs = {type = "git", url = "https://example.org/git", commit-id = "1"}},\n'
            '{name = "new", requires-python = ">=3.11", marker = "python_version == \'3.9\'",'
            f' wheels = [{{url = "x/new-1.0-py3-none-any.whl", hashes = {{sha256 = "{A}"}}}}]}},\n]'
        )
        (given,) = find_inputs([f"{here}/pylock.toml"])
        targets = [LINUX, Target("3.7", "manylinux_2_28_x86_64"), Target("3.9", "manylinux_2_28_x86_64")]
        found = read_lock(given, [*targets, WINDOWS])
        assert list(found.problems) == snapshot(
            [
                "pylock.toml: cannot mirror far 2.0: it comes from the folder ../far, not from the index",
                "pylock.toml: cannot mirror git: it comes from version control, https://example.org/git, not from the index",
            ]
        )
        assert found.unsupported == snapshot(
            {
                1: "its requires-python is >=3.8",
                2: "new has requires-python >=3.11",
                3: "none of its environments matches",
            }
        )


class TestResolver:
    def failure(self, index: Server, source: str = "demo", **policy: Any) -> str:
        details = {"hashes": policy.pop("hashes", {})}
        return Resolver(index, **policy).failure(source, **details)

    def test_excluded_project(self, index: Server) -> None:
        assert self.failure(index, is_mirrored=lambda _: False) == snapshot("""\
Because demo was not found in the package registry and you require demo, we can conclude that your requirements are unsatisfiable.
`exclude_projects` excludes demo.\
""")

    def test_no_file_passes_the_rules(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        assert self.failure(index, allowed=lambda *_: []) == snapshot("""\
Because there are no versions of demo and you require demo, we can conclude that your requirements are unsatisfiable.
No file of demo for cp3.12 on manylinux_2_28_x86_64 passes the rules.\
""")

    def test_no_file_matches_the_hashes(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        assert self.failure(index, hashes={"demo": [f"sha256:{A}"]}) == snapshot("""\
Because there are no versions of demo and you require demo, we can conclude that your requirements are unsatisfiable.
No file of demo matches its pinned hashes.\
""")

    def test_refused_release(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        assert self.failure(index, why_refused=lambda *_: "known vulnerabilities: CVE-1") == snapshot("""\
Because there are no versions of demo and you require demo, we can conclude that your requirements are unsatisfiable.
demo 1.0 is excluded: known vulnerabilities: CVE-1.\
""")

    def test_too_many_refused_releases(self, index: Server) -> None:
        for version in range(21):
            index.add_wheel("demo", str(version))
        assert self.failure(index, why_refused=lambda *_: "known vulnerabilities: CVE-1") == snapshot(
            "gave up after 20 attempts: each solution had an excluded release, the last one demo 1: known vulnerabilities: CVE-1"
        )

    def test_no_wheel(self, index: Server) -> None:
        index.add_sdist("demo", "1.0")
        assert self.failure(index) == snapshot("""\
Because demo==1.0 has no usable wheels and only demo==1.0 is available, we can conclude that all versions of demo cannot be used.
And because you require demo, we can conclude that your requirements are unsatisfiable.
demo has a release without a wheel for cp3.12 on manylinux_2_28_x86_64: with `"build": true`, uv builds it, which runs its code on this machine.\
""")

    def test_invalid_wheel(self, index: Server) -> None:
        index.add("demo", "demo-1.0-py3-none-any.whl", b"no wheel")
        assert self.failure(index).splitlines()[-1] == snapshot(
            "Could not read the metadata of demo-1.0-py3-none-any.whl: it is not a zip archive: position before the start of the file."
        )

    def test_requirement_from_a_path(self, index: Server, tmp_path: Path) -> None:
        (tmp_path / "demo-1.0-py3-none-any.whl").write_bytes(distributions.wheel("demo", "1.0"))
        failure = self.failure(index, f"demo @ {tmp_path.as_uri()}/demo-1.0-py3-none-any.whl")
        assert failure.replace(tmp_path.as_uri(), "file:///folder") == snapshot(
            "demo @ file:///folder/demo-1.0-py3-none-any.whl does not come from the index; only packages from the index can be mirrored"
        )

    def test_requirement_from_a_url(self, index: Server) -> None:
        failure = self.failure(index, "demo @ http://index.example.org/demo-1.0-py3-none-any.whl")
        assert failure.splitlines()[-1] == snapshot(
            "Only the configured index is used: remove other indexes, URLs and paths from the requirements."
        )

    def test_failed_requests(self, index: Server) -> None:
        wheel = index.add_wheel("demo", "1.0")
        sdist = index.add_sdist("old", "1.0")
        index.fault("/simple/broken/", Body(b"{", "application/vnd.pypi.simple.v1+json"), always=True)
        for name in ("/simple/gone/", wheel.filename, sdist.filename):
            index.fault(name, Status(503), always=True)
        names = ("broken", "gone", "demo", "old")
        assert [self.failure(index, name, build=True) for name in names] == snapshot(
            [
                "could not read the page of broken: the page is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
                "could not read the page of gone: HTTP 503",
                "could not fetch the metadata of demo-1.0-py3-none-any.whl: HTTP 503",
                "could not fetch old-1.0.tar.gz: HTTP 503",
            ]
        )

    def test_unsupported_targets(self, index: Server) -> None:
        targets = Target("3.13", "win_amd64", abi="cp313t"), Target("3.12", "freebsd_14_1_release_amd64")
        failures = [found.failure or "" for found in Resolver(index, *targets)("demo")]
        assert "it only resolves for Pythons like" in failures[0]
        assert failures[1] == snapshot(
            "uv cannot resolve for cp3.12 on freebsd_14_1_release_amd64: unknown platform; use a lock file (pylock.toml, uv.lock) instead of the requirements"
        )

    def test_timeout(self, index: Server) -> None:
        index.add_wheel("demo", "1.0")
        with index.hold("demo"):
            assert self.failure(index, timeout=1) == snapshot("uv took longer than 1 s")

    def test_uv_is_missing(self, index: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "uv", None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(ResolveError) as caught:
            self.failure(index)
        assert str(caught.value).replace(str(SOURCES), "CLONE") == snapshot(
            "resolving dependencies needs uv, which is not installed: pip install -e 'CLONE[resolve]'"
        )


class TestRun:
    def test_failures(self, index: Server, repository: Path, here: Path) -> None:
        """Local projects, locks for other targets, and requests that succeeded before."""
        index.add_wheel("acme", "9.0")
        index.add_wheel("app", "1.0")
        repository.mkdir()
        (repository / "acme-1.0-py3-none-any.whl").write_bytes(distributions.wheel("acme", "1.0"))
        (here / "app.txt").write_text("app\n")
        (here / "pylock.toml").write_text(
            PYLOCK
            + f'packages = [{{name = "acme", version = "2.0", wheels = [{{url = "x/acme-2.0-py3-none-any.whl",'
            f' hashes = {{sha256 = "{A}"}}}}]}}]'
        )
        (here / "uv.lock").write_text('version = 1\nrequires-python = ">=3.99"\n')
        mirror = Mirror(
            index,
            repository,
            requirements=[str(here / "app.txt")],
            targets=[LINUX.as_dict()],
            retries=0,
        )
        mirror.complete()
        (here / "app.txt").write_text("app[odd]>1\n")
        names = ("app.txt", "pylock.toml", "uv.lock")
        summary = mirror.run(requirements=[str(here / name) for name in names])
        assert [str(failure) for failure in summary.failures] == snapshot(
            [
                "acme: pylock.toml needs 2.0, but acme is a local project, and the folder has no file of that release",
                "uv.lock: does not support cp3.12 on manylinux_2_28_x86_64: its requires-python is >=3.99",
                "app.txt: cannot be resolved for cp3.12 on manylinux_2_28_x86_64 (keeping its previous releases): Because only app[odd]==1.0 is available and you require app[odd]>1, we can conclude that your requirements are unsatisfiable.",
            ]
        )

    def test_unknown_local_project(self, index: Server, repository: Path, here: Path) -> None:
        repository.mkdir()
        (repository / "acme-1.0-py3-none-any.whl").write_bytes(distributions.wheel("acme", "1.0"))
        index.fault("/simple/acme/", Status(503), always=True)
        (here / "app.txt").write_text("acme\n")
        targets = [LINUX.as_dict()]
        mirror = Mirror(index, repository, requirements=[str(here / "app.txt")], targets=targets, retries=0)
        assert [str(failure) for failure in mirror.run().failures] == snapshot(
            [
                "app.txt: cannot be resolved for cp3.12 on manylinux_2_28_x86_64: could not determine whether acme is a local project: HTTP 503"
            ]
        )
