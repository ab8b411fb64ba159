"""Requirement files: read as pip reads them, and what a mirror cannot follow."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import is_normalized_name

from minimirror.resolution.inputs import Requirements, RequirementsError, find_inputs, read_requirements
from minimirror.resolution.inputs.requirement_lines import read_lines

A, B, C = "a" * 64, "b" * 64, "c" * 64


def read(folder: Path, text: str, **others: str) -> Requirements:
    """Read the file r.txt, with other files next to it: `more="…"` is more.txt."""
    for name, content in {"r": text, **others}.items():
        (folder / f"{name}.txt").write_text(content)
    (found,) = find_inputs([str(folder / "r.txt")])
    return read_requirements(found)


def files(folder: Path) -> list[Path]:
    """Return the files that r.txt includes, and itself."""
    found = read_lines(folder / "r.txt")
    return list(dict.fromkeys(line.path for line in (*found.lines, *found.constraints)))


def mistakes(folder: Path, text: str, **others: str) -> tuple[str, ...]:
    with pytest.raises(RequirementsError) as caught:
        read(folder, text, **others)
    return caught.value.problems


class TestIncludes:
    def test_paths_are_relative_to_the_including_file(self, tmp_path: Path) -> None:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "a.txt").write_text("-r b.txt\n-c ../c.txt\n")
        (tmp_path / "deep" / "b.txt").write_text(f"foo==1 --hash=sha256:{A}\n")
        found = read(tmp_path, "-r deep/a.txt\n", c=f"foo<2 --hash=sha256:{B}\n")
        assert [path.resolve() for path in files(tmp_path)] == [
            tmp_path / name for name in ("r.txt", "deep/a.txt", "deep/b.txt", "c.txt")
        ]
        assert found.hashes == {"foo": {f"sha256:{A}", f"sha256:{B}"}}
        assert not found.problems
        assert found.notes == []

    def test_requirements_and_constraints_are_separate(self, tmp_path: Path) -> None:
        """Files that constraints include by -r are requirements, as in pip."""
        found = read(
            tmp_path,
            f"Foo [b,a] >= 1 ; python_version<'3.12'  # why\nbar==2 --hash=sha256:{A}\n"
            "-e .\n-c c.txt\n-r c.txt\n",
            c="baz<3\n-r more.txt\n",
            more="demo\n",
        )
        assert found.requirements == [
            'Foo[a,b]>=1; python_version < "3.12"',
            "bar==2",
            "baz<3",
            "demo",
        ]
        assert found.constraints == ["baz<3"]
        assert len(found.problems) == 1

    def test_each_file_is_read_once(self, tmp_path: Path) -> None:
        found = read(tmp_path, "-r a.txt\n-c ./a.txt\n-r r.txt\n", a="-r r.txt\n-r a.txt\nfoo\n")
        assert (found.requirements, found.constraints) == (["foo"], ["foo"])
        assert [path.name for path in files(tmp_path)] == ["r.txt", "a.txt"]

    def test_a_long_chain(self, tmp_path: Path) -> None:
        others = {f"n{number}": f"-r n{number + 1}.txt" for number in range(1100)}
        read(tmp_path, "-r n0.txt", **others, n1100="foo")
        assert len(files(tmp_path)) == 1102

    def test_a_variable_may_name_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WHICH", "more")
        assert read(tmp_path, "-r ${WHICH}.txt", more="foo").requirements == ["foo"]

    def test_a_missing_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert mistakes(tmp_path, "foo\n-r a.txt\n", a="# nothing\n\n-c missing.txt\n") == (
            "a.txt:3: includes missing.txt: file not found",
        )

    @pytest.mark.parametrize("scheme", ["http://", "HTTPS://", "file://"])
    def test_a_url(self, scheme: str, tmp_path: Path) -> None:
        (problem,) = mistakes(tmp_path, f"\n-r {scheme}user:secret@example.org/r.txt\n")
        assert problem.startswith(f"{tmp_path}/r.txt:2: ")
        assert "cannot include a URL" in problem
        assert "secret" not in problem

    def test_not_utf_8(self, tmp_path: Path) -> None:
        (tmp_path / "latin.txt").write_bytes(b"foo\nbar # \xe9t\xe9\n")
        (problem,) = mistakes(tmp_path, "-r latin.txt")
        assert problem.startswith(f"{tmp_path}/r.txt:1: includes {tmp_path}/latin.txt:2: not UTF-8")

    @pytest.mark.parametrize(
        ("head", "encoding"),
        [
            ("\ufeff", "utf-8"),
            ("\ufeff", "utf-16-le"),
            ("\ufeff", "utf-16-be"),
            ("\ufeff", "utf-32-le"),
            ("\ufeff", "utf-32-be"),
            ("# -*- coding: latin-1 -*-\n", "latin-1"),
            ("# a comment\n# vim: set fileencoding=cp1252 :\n", "cp1252"),
        ],
    )
    def test_encodings(self, head: str, encoding: str, tmp_path: Path) -> None:
        """As pip reads them: PowerShell writes UTF-16, and editors a byte order mark or a coding line."""
        path = tmp_path / "r.txt"
        path.write_bytes(f"{head}foo==1 --hash=sha256:{A}\n# \xe9t\xe9\n".encode(encoding))
        (found,) = find_inputs([str(path)])
        assert read_requirements(found).hashes == {"foo": {f"sha256:{A}"}}

    @pytest.mark.parametrize("content", [b"# coding: klingon\nfoo", b"# coding: hex\n00", b"\xff\xfefoo"])
    def test_encodings_that_cannot_be_read(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "r.txt").write_bytes(content)
        (found,) = find_inputs([str(tmp_path / "r.txt")])
        with pytest.raises(RequirementsError, match="save the file as UTF-8"):
            read_requirements(found)


class TestHashes:
    def test_the_lines_of_a_project_are_combined(self, tmp_path: Path) -> None:
        text = f"""\
Foo.Bar[x]==1.0 ; python_version < "3.12" \\
    --hash=sha256:{A} \\
    --hash sha256:{B.upper()}  # the wheel
foo_bar==2.0; python_version >= "3.12" --hash=sha256:{C}
foo-bar!=3
none
other --hash=sha512:{"d" * 128} --hash=sha384:{"e" * 96}
"""
        assert read(tmp_path, text).hashes == {
            "foo-bar": {f"sha256:{A}", f"sha256:{B}", f"sha256:{C}"},
            "other": {f"sha512:{'d' * 128}", f"sha384:{'e' * 96}"},
        }

    @pytest.mark.parametrize(
        "digest", ["sha256", "sha256:", "sha256:xyz", f"md5:{'0' * 32}", f"sha256:{A}0", A]
    )
    def test_invalid_hashes(self, digest: str, tmp_path: Path) -> None:
        (problem,) = mistakes(tmp_path, f"foo\nbar==1 --hash={digest}\n")
        assert problem.startswith(f"{tmp_path}/r.txt:2: ")
        assert "invalid hash" in problem


class TestOtherSources:
    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("foo @ https://example.org/foo-1.0.tar.gz", "a URL"),
            ("foo@https://example.org/foo-1.0.tar.gz;python_version>'3'", "a URL"),
            ('foo[x] @ https://example.org/a;b.zip ; os_name == "nt"', "a URL"),
            ("https://example.org/foo-1.0-py3-none-any.whl", "a URL"),
            ("https://example.org/foo.zip ; python_version > '3'", "a URL"),
            ("git+https://example.org/foo.git@main#egg=foo", "a version control URL"),
            ("foo @ git+ssh://git@example.org/foo", "a version control URL"),
            ("file:///srv/foo.zip", "a local path"),
            ("foo @ file:///srv/foo.zip", "a local path"),
            (".", "a local path"),
            ("./foo[x]", "a local path"),
            ("../foo@2", "a local path"),
            ("/srv/foo", "a local path"),
            ("sub/folder ; os_name == 'nt'", "a local path"),
            ("C:\\foo\\foo-1.0.zip", "a local path"),
            ("foo-1.0-py3-none-any.whl", "a local path"),
            ("foo-1.0.tar.gz[extra]", "a local path"),
            ("-e .", "an editable requirement"),
            ("--editable=git+https://example.org/foo#egg=foo", "an editable requirement"),
        ],
    )
    def test_are_problems_but_no_errors(self, line: str, kind: str, tmp_path: Path) -> None:
        found = read(tmp_path, f"bar\n{line}\nbaz==1 --hash=sha256:{B}\n")
        (problem,) = found.problems
        assert problem.startswith(f'{tmp_path}/r.txt:2: cannot mirror "{line[:10]}')
        assert f"it is {kind}, " in problem
        assert found.hashes["baz"] == {f"sha256:{B}"}

    def test_messages_hide_secrets(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKEN", "s3cret")
        text = "foo @ https://me:s3cret@example.org/foo.zip\nbar @ https://example.org/b.zip?key=${TOKEN}\n"
        found = read(tmp_path, text)
        assert len(found.problems) == 2
        assert "s3cret" not in str(found)


class TestIgnored:
    @pytest.mark.parametrize(
        ("line", "note"),
        [
            ("--index-url https://me:s3cret@example.org/simple", "--index-url is ignored"),
            ("-i https://example.org/simple", "--index-url is ignored"),
            ("--extra-index-url=https://example.org/simple", "--extra-index-url is ignored"),
            ("-f ./wheels", "--find-links is ignored"),
            ("--no-index", "--no-index is ignored"),
            ("--pre", "--pre is ignored"),
            ("--all-releases foo", "--all-releases is ignored"),
            ("foo --no-binary foo", "--no-binary has no effect after a requirement"),
            (f"--hash=sha256:{A}", "--hash has no effect without a requirement"),
            (f"foo==1 --hash=sha256:{A} bar", "text after the options is ignored"),
            ("-c c.txt -c d.txt", "only the first"),
        ],
    )
    def test_options_without_effect_are_noted(self, line: str, note: str, tmp_path: Path) -> None:
        (told,) = read(tmp_path, f"\n{line}\n", c="").notes
        assert told.startswith(f"{tmp_path}/r.txt:2: ")
        assert note in told
        assert "s3cret" not in told

    @pytest.mark.parametrize(
        "line",
        [
            "--no-binary :all:",
            "--only-binary=foo,bar",
            "--prefer-binary",
            "--require-hashes",
            "--no-require-hashes",
            "--only-final :all:",
            "--trusted-host example.org",
            "--use-feature fast-deps",
            'foo==1 --global-option="--quiet"',
            "foo -C key=value",
            "foo --config-settings key=value",
        ],
    )
    def test_options_that_need_no_note(self, line: str, tmp_path: Path) -> None:
        assert read(tmp_path, line).notes == []


class TestErrors:
    @pytest.mark.parametrize(
        ("line", "cause"),
        [
            ("foo==", "invalid requirement"),
            ("foo >= 1.0 bar", "invalid requirement"),
            ("foo; python_versoin > '3'", "invalid requirement"),
            ("foo==1.0\\\n    ,<2 >3", "invalid requirement"),
            ("{", "invalid requirement"),
            ("foo --unknown", "no such option: --unknown"),
            ("./lib ; nonsense", "invalid marker"),
            ("https://example.org/lib.zip ; os_name ~= 'x'", "invalid marker"),
            ("-r", "requires 1 argument"),
            ("--req", "ambiguous option: --req"),
            ("foo --hash='sha256:", "could not parse the options"),
        ],
    )
    def test_name_the_line(self, line: str, cause: str, tmp_path: Path) -> None:
        (problem,) = mistakes(tmp_path, f"# first\n{line}\n")
        assert problem.startswith(f"{tmp_path}/r.txt:2: ")
        assert cause in problem

    def test_only_the_first_ten_of_a_file_are_shown(self, tmp_path: Path) -> None:
        with pytest.raises(RequirementsError) as caught:
            read(tmp_path, "-r a.txt\n" + "foo==\n" * 1801, a="bar==\n")
        lines = str(caught.value).splitlines()
        assert "1802 problems" in lines[0]
        assert len(lines) == 1 + 1 + 10 + 1
        assert "r.txt: and 1,791 more" in lines[-1]

    def test_a_file_of_another_kind_is_one_error(self, tmp_path: Path) -> None:
        (tmp_path / "poetry.lock").write_text("[[package]]\n" * 100)
        (problem,) = mistakes(tmp_path, "-r poetry.lock\n")
        assert problem.startswith(f"{tmp_path}/r.txt:1: includes {tmp_path}/poetry.lock: ")
        assert "poetry export" in problem

    def test_are_reported_all_at_once(self, tmp_path: Path) -> None:
        told = mistakes(tmp_path, "foo==\n-r a.txt\n--nonsense\n-r missing.txt\n", a="bar==\n")
        assert len(told) == 4


# As pip reads them.

PIECES = st.sampled_from(
    [
        "foo",
        "Foo.Bar[x,y]>=1.0,<2",
        "foo==1.0 ; python_version < '3.12'",
        'bar; sys_platform == "win32"',
        "foo @ https://example.org/foo.zip#sha256=0",
        "https://example.org/x.whl#egg=x",
        "-e ./here",
        "--editable",
        "./some where",
        "-r one.txt",
        "--requirement=two.txt",
        "-rtwo.txt",
        "--req",
        "-c one.txt",
        "--constraint two.txt",
        f"--hash=sha256:{A}",
        f"--hash sha256:{B}",
        f'--hash="sha512:{C}"',
        "--index-url https://example.org/simple",
        "-i",
        "--no-binary foo",
        "--pre",
        "--",
        "# a comment",
        "#",
        "a#b",
        "${HERE}",
        "${ABSENT}",
        "${lower}",
        "$HERE",
        "\\",
        "\\\\",
        " ",
        "  ",
        "\t",
        "\n",
        "\n",
        "\r\n",
        "\\\n",
        " \\\n",
        "\\ \n",
        "\x0c",
        "\u2028",
        "'",
        '"',
        "é",
    ]
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)

Read = set[tuple[str, int, str, frozenset[str]]]


def of_pip(module: str) -> Any:
    return import_module(f"pip._internal.{module}")


def read_by_pip(path: Path) -> Read | None:
    """Return each requirement with its file, line and digests; None if pip refuses the file."""
    found: Read = set()
    try:
        for each in of_pip("req.req_file").parse_requirements(str(path), session=None):
            _, file, _, line = each.comes_from.split(" ")
            hashes = (each.options or {}).get("hashes", {})
            digests = frozenset(f"{name}:{value}" for name, values in hashes.items() for value in values)
            number = int(line.removesuffix(")"))
            found.add((file, number, each.requirement.strip(), digests))
    except of_pip("exceptions").PipError:
        return None
    return found


def read_here(path: Path) -> Read | None:
    seen = read_lines(path)
    if seen.problems:
        return None
    return {
        (
            str(line.path),
            line.number,
            line.requirement or line.options["editable"][0],
            frozenset(line.options.get("hash", ())) if line.requirement else frozenset(),
        )
        for line in (*seen.lines, *seen.constraints)
        if line.requirement or "editable" in line.options
    }


# pip's modules emit deprecation warnings.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(deadline=None)
@given(TEXTS, TEXTS)
@example("foo\\\n# not joined\\\nbar", "")
@example("foo \\\n  --hash=sha256:" + A + " \\\n # end\nbar", "")
@example("foo # comment \\\nbar", "")
@example("\\foo\\\nbar", "")
@example("foo\\", "")
@example("-r one.txt -r two.txt", "foo")
@example("-e a -e b", "")
@example("-e a -r one.txt", "foo")
@example("foo -r one.txt", "bar")
@example("foo ${HERE} -${HERE}", "")
def test_lines_are_those_that_pip_reads(text: str, included: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HERE", "there # -x")
        path = Path(folder, "r.txt")
        path.write_bytes(text.encode())
        # pip never ends if files include each other.
        one = included.replace("one.txt", "two.txt").encode()
        Path(folder, "one.txt").write_bytes(one)
        Path(folder, "two.txt").write_bytes(f"last --hash=sha256:{A}\n".encode())
        assert read_here(path) == read_by_pip(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "requirement",
    [
        "foo",
        "foo;",
        "foo ;python_version>'3'",
        "foo[a, b] >=1, <2",
        "foo (>=1)",
        "foo @ https://example.org/foo.zip",
        "https://example.org/foo.zip",
        "http:foo",
        "git+https://example.org/foo#egg=foo",
        "./here",
        "here/",
        "here",
        "foo.zip",
        "here/foo-1.0-py3-none-any.whl ; python_version > '3'",
        "foo.whl.txt",
        "foo==1 ; bar",
        "foo=1",
        "foo bar",
        "foo/bar",
        "é",
    ],
)
def test_requirements_are_those_that_pip_reads(
    requirement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a project and a version, an address or an error, whether or not the folder exists."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "pyproject.toml").write_text("[project]\nname = 'here'\nversion = '1'\n")
    monkeypatch.chdir(tmp_path)
    try:
        parts = of_pip("req.constructors").parse_req_from_line(requirement, None)
        by_pip = "address" if parts.link or parts.requirement.url else "project"
    except Exception:  # noqa: BLE001 - pip raises errors of several kinds
        by_pip = "mistake"
    try:
        here = "address" if read(tmp_path, requirement).problems else "project"
    except RequirementsError:
        here = "mistake"
    assert here == by_pip or (requirement == "foo/bar" and (here, by_pip) == ("address", "mistake"))


@given(st.binary(max_size=200) | TEXTS.map(str.encode))
@example(b"./my project[a b]")
@example(b"-e ./@[;]")
@example(b"git+https://example.org/#egg=-")
def test_any_file_is_read_or_refused(content: bytes) -> None:
    """What is read are requirements that every resolver can read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.txt")
        path.write_bytes(content)
        try:
            (given_file,) = find_inputs([str(path)])
            found = read_requirements(given_file)
        except RequirementsError as error:
            assert all(problem.startswith(str(path)) for problem in error.problems)  # noqa: PT017
            return
        assert all(map(Requirement, [*found.requirements, *found.constraints]))
        assert all(map(is_normalized_name, found.outside))
