"""Locks that other tools may write, and broken ones: each error is reported without a traceback."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimirror.distributions.targets import Target
from minimirror.resolution.inputs import (
    LockedPackages,
    RequirementsError,
    find_inputs,
    read_lock,
    read_requirements,
)

LINUX = Target("3.12", "manylinux_2_28_x86_64")
WINDOWS = Target("3.10", "win_amd64")

A, B, C = "a" * 64, "b" * 64, "c" * 64


def read(folder: Path, text: str, name: str = "pylock.toml") -> LockedPackages:
    (folder / name).write_text(text)
    (found,) = find_inputs([str(folder / name)])
    return read_lock(found, [LINUX, WINDOWS])


def mistakes(folder: Path, text: str, name: str = "pylock.toml") -> tuple[str, ...]:
    with pytest.raises(RequirementsError) as caught:
        read(folder, text, name)
    assert all(problem.startswith(f"{folder / name}: ") for problem in caught.value.problems)
    return tuple(problem.removeprefix(f"{folder / name}: ") for problem in caught.value.problems)


def pylock(*packages: str, head: str = "") -> str:
    return f'lock-version = "1.0"\ncreated-by = "hand"\n{head}\npackages = [{", ".join(packages)}]\n'


def package(name: str, more: str = "", *, version: str = "1.0", digest: str = A) -> str:
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return (
        f'{{name = "{name}", version = "{version}", {more}'
        f' wheels = [{{url = "https://example.org/{filename}", hashes = {{sha256 = "{digest}"}}}}]}}'
    )


def pins(found: LockedPackages) -> dict[str, list[tuple[str, int]]]:
    return {name: [(pin.version, pin.target) for pin in each] for name, each in found.pins.items()}


class TestPylock:
    def test_uses_any_extras_and_the_default_groups(self, tmp_path: Path) -> None:
        text = pylock(
            package("base"),
            package("fast", """marker = "'quick' in extras and sys_platform == 'win32'","""),
            package("slow", """marker = "'quick' not in extras","""),
            package("both", """marker = "'quick' in extras and 'Docs' in extras","""),
            package("group", """marker = "'main' in dependency_groups","""),
            package("tests", """marker = "'dev' in dependency_groups","""),
            package("never", """marker = "python_version < '3.8'","""),
            head='extras = ["quick", "docs"]\ndependency-groups = ["main", "dev"]\ndefault-groups = ["main"]',
        )
        assert pins(read(tmp_path, text)) == {
            "base": [("1.0", 0), ("1.0", 1)],
            "fast": [("1.0", 1)],
            "slow": [("1.0", 0), ("1.0", 1)],
            "both": [("1.0", 0), ("1.0", 1)],
            "group": [("1.0", 0), ("1.0", 1)],
        }

    def test_releases_of_one_project(self, tmp_path: Path) -> None:
        """Each target has its own, and several if extras choose."""
        text = pylock(
            package("foo", "marker = \"python_version >= '3.12'\","),
            package("foo", "marker = \"python_version < '3.12'\",", version="2.0", digest=B),
            package("bar", "marker = \"'cpu' in extras\","),
            package("bar", "marker = \"'gpu' in extras\",", version="1.0.0", digest=B),
            head='extras = ["cpu", "gpu"]',
        )
        found = read(tmp_path, text)
        assert pins(found)["foo"] == [("1.0", 0), ("2.0", 1)]
        assert {digest for pin in found.pins["bar"] for digest in pin.digests} == {
            f"sha256:{A}",
            f"sha256:{B}",
        }

    def test_chains_lead_to_each_package(self, tmp_path: Path) -> None:
        text = pylock(
            package("app", 'dependencies = [{name = "foo", version = "2.0"}, {name = "ring"}],'),
            package("foo", 'dependencies = [{name = "gone"}],', version="2.0"),
            package("ring", 'dependencies = [{name = "chain"}],'),
            package("chain", 'dependencies = [{name = "ring"}, {name = "deep"}],'),
            package("deep"),
            package("lone-a", 'dependencies = [{name = "lone-b"}],'),
            package("lone-b", 'dependencies = [{name = "lone-a"}],'),
        )
        chains = read(tmp_path, text).chains
        assert {name: names for (name, target), names in chains.items() if target == 0} == {
            "app": ("pylock.toml", "app"),
            "foo": ("pylock.toml", "app", "foo"),
            "ring": ("pylock.toml", "app", "ring"),
            "chain": ("pylock.toml", "app", "ring", "chain"),
            "deep": ("pylock.toml", "app", "ring", "chain", "deep"),
            "lone-a": ("pylock.toml", "lone-a"),
            "lone-b": ("pylock.toml", "lone-a", "lone-b"),
        }

    def test_versions_and_digests_come_from_the_files(self, tmp_path: Path) -> None:
        """The version may be left to the filenames; sha256 is what indexes list."""
        text = f"""
lock-version = "1.0"
created-by = "hand"
[[packages]]
name = "foo"
sdist = {{path = "old/foo-1.0.0.tar.gz", hashes = {{sha512 = "{C}", md5 = "00"}}}}
[[packages.wheels]]
name = "foo-1.0-py3-none-any.whl"
url = "https://example.org/x"
hashes = {{sha256 = "{A.upper()}", md5 = "11"}}
"""
        (pin, _) = read(tmp_path, text).pins["foo"]
        assert pin == ("1.0", 0, (f"sha256:{A}", "md5:00", f"sha512:{C}"))

    def test_packages_from_other_sources(self, tmp_path: Path) -> None:
        text = pylock(
            '{name = "own", directory = {path = "."}}',
            '{name = "member", directory = {path = "packages/member", editable = true}}',
            '{name = "far", version = "2.0", directory = {path = "../far"}}',
            '{name = "away", directory = {path = "/srv/away"}}',
            '{name = "git", vcs = {type = "git", url = "https://me:s3cret@example.org/g", commit-id = "1"}}',
            f'{{name = "zip", archive = {{url = "https://example.org/z.zip", hashes = {{sha256 = "{A}"}}}}}}',
            package("foo"),
        )
        found = read(tmp_path, text)
        assert pins(found) == {"foo": [("1.0", 0), ("1.0", 1)]}
        assert [
            re.sub(r".*mirror (\S+( [\d.]+)?): it comes from (.*), not.*", r"\1 \3", each)
            for each in found.problems
        ] == [
            "far 2.0 the folder ../far",
            "away the folder /srv/away",
            "git version control, https://me:****@example.org/g",
            "zip an archive, https://example.org/z.zip",
        ]

    @pytest.mark.parametrize(
        ("head", "more", "cause"),
        [
            ('requires-python = ">=3.11"', "", "its requires-python is >=3.11"),
            ("environments = [\"os_name == 'posix'\"]", "", "none of its environments matches"),
            ("", 'requires-python = ">=3.11",', "foo 1.0 has requires-python >=3.11"),
        ],
    )
    def test_unsupported_targets(self, head: str, more: str, cause: str, tmp_path: Path) -> None:
        found = read(tmp_path, pylock(package("bar"), package("foo", more), head=head))
        assert pins(found) == {"bar": [("1.0", 0)], "foo": [("1.0", 0)]}
        assert found.unsupported == {1: cause}

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            ("packages = [", "invalid TOML"),
            ("", "'lock-version'"),
            (
                'lock-version = "2.0"\ncreated-by = "x"\npackages = []\n',
                "pylock version 2.0 is not supported",
            ),
            (pylock(package("Foo")), "'packages[0].name'"),
            (pylock(package("foo", "marker = \"os == 'x'\",")), "'packages[0].marker'"),
            (pylock(package("foo", "marker = \"extra == 'x'\",")), "could not evaluate the marker"),
            (pylock(package("foo"), '{name = "bar"}'), "'packages[1]'"),
            (
                pylock('{name = "foo", wheels = [{url = "https://example.org/a", hashes = {a = "b"}}]}'),
                "wheels[0]",
            ),
        ],
    )
    def test_errors(self, text: str, cause: str, tmp_path: Path) -> None:
        (problem,) = mistakes(tmp_path, text)
        assert cause in problem


UV_LOCK = f"""
version = 1
revision = 3
requires-python = ">=3.8"
resolution-markers = ["sys_platform == 'win32'", "sys_platform != 'win32'"]
conflicts = [[
    {{ package = "app", extra = "cpu" }},
    {{ package = "app", extra = "gpu" }},
    {{ package = "app", group = "no" }},
]]

[[package]]
name = "app"
source = {{ editable = "." }}
dependencies = [
    {{ name = "foo", marker = "python_full_version >= '3.9'", extra = ["io"] }},
    {{ name = "git" }},
    {{ name = "free", marker = "extra != 'extra-3-app-cpu' and extra != 'extra-3-app-gpu'" }},
]
[package.optional-dependencies]
cpu = [{{ name = "bar", version = "1.0", source = {{ registry = "https://example.org/cpu" }} }}]
gpu = [
    {{ name = "bar", version = "1.0", source = {{ registry = "https://example.org/gpu" }} }},
    {{ name = "never", marker = "extra == 'extra-3-app-cpu' and extra == 'extra-3-app-gpu'" }},
]

[[package]]
name = "foo"
version = "1.0.0"
source = {{ registry = "https://example.org/simple" }}
sdist = {{ url = "https://example.org/foo.tar.gz", hash = "sha256:{A}", size = 1 }}
wheels = [{{ url = "https://example.org/foo.whl", hash = "SHA256:{B}" }}]
[package.optional-dependencies]
io = [{{ name = "io" }}]

[[package]]
name = "io"
version = "2"
source = {{ registry = "../flat" }}
wheels = [{{ path = "io.whl", hash = "sha256:{A}" }}, {{ path = "io2.whl" }}]

[[package]]
name = "bar"
version = "1.0"
source = {{ registry = "https://example.org/cpu" }}
wheels = [{{ url = "https://example.org/bar.whl", hash = "sha256:{A}" }}]

[[package]]
name = "bar"
version = "1.0"
source = {{ registry = "https://example.org/gpu" }}
wheels = [{{ url = "https://example.org/bar.whl", hash = "sha256:{B}" }}]

[[package]]
name = "free"
version = "1.0"
source = {{ registry = "https://example.org/simple" }}

[[package]]
name = "never"
version = "1.0"
source = {{ registry = "https://example.org/simple" }}

[[package]]
name = "git"
version = "0.1"
source = {{ git = "https://me:s3cret@example.org/git?rev=1#abc" }}
"""


class TestUvLock:
    def test_all_together(self, tmp_path: Path) -> None:
        found = read(tmp_path, UV_LOCK, "uv.lock")
        assert [pin for pin in found.pins["foo"] if pin.target == 0] == [
            ("1.0.0", 0, (f"sha256:{B}", f"sha256:{A}"))
        ]
        # One of its files has no digest, so any file will do.
        assert found.pins["io"][0] == ("2", 0, ())
        # From both indexes, although no install uses both.
        assert found.pins["bar"][0] == ("1.0", 0, (f"sha256:{A}", f"sha256:{B}"))
        assert found.pins.keys() == {"foo", "io", "bar", "free"}
        (problem,) = found.problems
        assert "cannot mirror git 0.1: it comes from version control" in problem
        assert "s3cret" not in problem

    @pytest.mark.parametrize(
        ("old", "new", "cause"),
        [
            ("version = 1\n", "version = 2\n", "version 2 is not supported"),
            ("version = 1\n", "version = true\n", "version True"),
            ("version = 1\n", "", "no version"),
            ('requires-python = ">=3.8"\n', "", "requires-python: Field required"),
            ('">=3.8"', '"3.8 or so"', "requires-python: "),
            (
                'name = "io" }',
                'name = "oi" }',
                "package[1].optional-dependencies.io[0]: oi is not in the lock",
            ),
            (
                ', source = { registry = "https://example.org/cpu" }',
                "",
                "package[0].optional-dependencies.cpu[0]",
            ),
            ("python_full_version >=", "python_version_full >=", "package[0].dependencies[0].marker: "),
            ("extra != 'extra-3-app-cpu'", "extra in 'extra-3-app-cpu'", "could not evaluate the marker"),
            ('git = "https', 'hg = "https', "package[7].source: unknown kind of source"),
            ('version = "1.0.0"', 'version = "one"', "package[1].version: "),
            ('version = "1.0.0"\n', "", "package[1]: a package of an index must have a version"),
            ("SHA256:", "sha256-", "package[1].wheels[0].hash: must be a digest"),
            ('name = "io"\nversion = "2"\n', 'name = 1\nversion = "2"\n', "package[2].name: "),
        ],
    )
    def test_errors(self, old: str, new: str, cause: str, tmp_path: Path) -> None:
        assert old in UV_LOCK
        (problem,) = mistakes(tmp_path, UV_LOCK.replace(old, new, 1), "uv.lock")
        assert problem.startswith(cause) or cause in problem

    def test_too_many_choices(self, tmp_path: Path) -> None:
        conflict = '[{package = "app", extra = "a"}, {package = "app", extra = "b"}]'
        text = re.sub(r"conflicts = [^\]]*\]\]", f"conflicts = [{', '.join([conflict] * 9)}]", UV_LOCK)
        (problem,) = mistakes(tmp_path, text, "uv.lock")
        assert "choices" in problem

    def test_an_empty_lock(self, tmp_path: Path) -> None:
        assert read(tmp_path, 'version = 1\nrequires-python = ">=3.8"\n', "uv.lock").pins == {}

    def test_a_lock_without_a_project(self, tmp_path: Path) -> None:
        text = UV_LOCK.replace('editable = "."', 'editable = "elsewhere"')
        (problem,) = mistakes(tmp_path, text, "uv.lock")
        assert "no project" in problem


PYLOCK = pylock(
    package("foo", "marker = \"'x' in extras and python_version > '3'\", dependencies = [{name = \"bar\"}],"),
    package("bar", 'requires-python = ">=3.8",'),
    '{name = "own", directory = {path = "."}}',
    head='requires-python = ">=3.8"\nextras = ["x"]\nenvironments = ["os_name != \'x\'"]',
)
PYPROJECT = """
[project]
name = "app"
dynamic = ["version"]
dependencies = ["foo"]
optional-dependencies = {x = ["bar"]}
[dependency-groups]
y = ["baz", {include-group = "x"}]
[tool.uv]
constraint-dependencies = ["foo<2"]
environments = ["os_name == 'posix'"]
prerelease = "allow"
workspace = {members = ["packages/*"], exclude = ["x"]}
[tool.uv.sources]
foo = {workspace = true}
bar = [{path = "../bar", marker = "os_name == 'nt'", extra = "x"}, {index = "foo"}]
"""
SOUND = {
    "uv.lock": UV_LOCK,
    "pylock.toml": PYLOCK,
    "pyproject.toml[x]": PYPROJECT,
    "pyproject.toml:y": PYPROJECT,
}
VALUES = st.sampled_from(
    [
        "",
        "1",
        "-1",
        "1e9",
        "true",
        "nan",
        "1979-05-27",
        '""',
        '"x"',
        '"\\u0000"',
        '">=x"',
        '">=3"',
        "\"extra == 'x'\"",
        "\"'x' < extras\"",
        '"extras in extras"',
        "\"python_version == 'x'\"",
        "\"'1' ~= platform_release\"",
        '"foo"',
        '"../x"',
        "[]",
        "[[]]",
        "{}",
        "[{}]",
        '{name = "foo"}',
        "name",
        "version",
        "]",
        "\n",
    ]
)
TOKEN = re.compile(r'"[^"\n]*"|[\w-]+|[\[\]{}=,]|\n')


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, str]:
    """A valid file in which some tokens are replaced, and the entry that names it."""
    entry = draw(st.sampled_from(sorted(SOUND)))
    text = SOUND[entry]
    for _ in range(draw(st.integers(1, 3))):
        token = draw(st.sampled_from(list(TOKEN.finditer(text))))
        text = text[: token.start()] + draw(VALUES) + text[token.end() :]
    return entry, text


@given(broken())
def test_broken_files_are_read_or_refused(case: tuple[str, str]) -> None:
    entry, text = case
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, re.sub(r"(?<=toml).*", "", entry))
        path.write_text(text)
        (found,) = find_inputs([str(Path(folder, entry))])
        try:
            if found.kind == "pyproject":
                read_requirements(found)
            else:
                assert read_lock(found, [LINUX, WINDOWS]).pins.keys() <= {
                    "foo",
                    "bar",
                    "io",
                    "free",
                    "never",
                    "x",
                }
        except RequirementsError as error:
            assert all(problem.startswith(str(path)) for problem in error.problems)  # noqa: PT017


@given(st.binary(max_size=100), st.sampled_from(["uv.lock", "pylock.toml", "pyproject.toml", "r.txt"]))
def test_any_bytes_are_read_or_refused(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        try:
            (found,) = find_inputs([str(path)])
            if found.kind in {"pyproject", "requirements"}:
                read_requirements(found)
            else:
                read_lock(found, [LINUX])
        except RequirementsError as error:
            assert all(problem.startswith(str(path)) for problem in error.problems)  # noqa: PT017
