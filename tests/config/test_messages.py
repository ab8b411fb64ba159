"""Each message about a config that a user can meet. ``pytest --inline-snapshot=fix`` updates them."""

from __future__ import annotations

from pathlib import Path

import pytest
from inline_snapshot import snapshot

from minimirror.config import ConfigError, load, save, unset_value
from tests.helpers.configs import mistake, mistakes

# ruff: noqa: E501 - messages stay on the line on which the user reads them

LINUX = {"python": "3.12", "platform": "manylinux_2_28_x86_64"}


def messages(key: str, *values: object) -> list[str]:
    """Return the message for each invalid value of a key, without the key."""
    return [mistake(**{key: value}).partition(": ")[2] for value in values]


def target_messages(**fields: object) -> str:
    return mistake(targets=[{**LINUX, **fields}]).removeprefix("targets[0]").lstrip(".:").strip()


def test_keys() -> None:
    assert [
        mistakes("{}")[0],
        mistake(procesess=1),
        *mistakes('{"repository": "/data",\n"yanked": true,\n"yanked": true}'),
        mistake(repository=["/data"]),
    ] == snapshot(
        [
            '/etc/lab.json: repository: is required: add it, for example "repository": "~/minirepo"',
            'procesess: unknown key; did you mean "processes"?',
            "/etc/lab.json:3: yanked: duplicate key, first on line 2: remove one",
            'repository: must be a folder in double quotes, such as "~/minirepo"',
        ]
    )


def test_several_errors(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    path.write_text('{"repository": "/data", "retries": -1,\n"processes": "many"}')
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).replace(str(path), "lab.json") == snapshot("""\
found 2 errors:
  lab.json:1: retries: must be a whole number from 0 to 100
  lab.json:2: processes: must be a whole number from 1 to 512\
""")


def test_types() -> None:
    assert [
        mistake(platforms="linux"),
        mistake(yanked="yes"),
        mistake(python_versions=[3.11]),
        mistake(targets=["cp312"]),
        mistake(projects=[]),
        mistake(platforms=[" "]),
    ] == snapshot(
        [
            'platforms: must be a list, such as ["any", "linux"]',
            "yanked: must be true or false, without quotes",
            "python_versions[0]: must be text in double quotes",
            'targets[0]: must be an object, such as {"python": "3.12", "platform": "manylinux_2_28_x86_64"}',
            'projects: the list is empty, so nothing would be mirrored: fill it, remove the key to mirror all projects, or set "serve": {"on_demand": true} to mirror what clients of `minimirror serve` ask for',
            "platforms[0]: is empty: write something between the quotes, or remove it",
        ]
    )


def test_numbers() -> None:
    assert [
        mistake(processes=0),
        mistake(min_releases=0),
        mistake(releases="none"),
        mistake(retries=101),
        mistake(read_timeout=0),
        mistake(min_rate=-1),
        mistake(max_delete="200%"),
    ] == snapshot(
        [
            "processes: must be a whole number from 1 to 512",
            "min_releases: must be a whole number of at least 1",
            'releases: must be a whole number of at least 1, or "all"',
            "retries: must be a whole number from 0 to 100",
            "read_timeout: must be from 0.1 s to 7 days",
            'min_rate: must be like "5 kB/s", a number of bytes per second, or 0',
            'max_delete: must be at most 1, or "100%"',
        ]
    )


def test_amounts() -> None:
    assert messages("min_age", "soon", "7 d", "99999 days") == snapshot(
        [
            'must be like "7 days", "12 hours" or a number of seconds',
            'unknown unit "d": write it like "7 days", "12 hours" or a number of seconds',
            "must be at most 100 years",
        ]
    )
    assert messages("max_file_size", "big", "5 apples", 0) == snapshot(
        [
            'must be like "500 MB", "1 GiB" or a number of bytes',
            'unknown unit "apples": write it like "500 MB", "1 GiB" or a number of bytes',
            "must be from 1 byte to 1,000,000 TB",
        ]
    )
    assert messages("uploaded_before", "yesterday", "1066-10-14") == snapshot(
        [
            'must be a date such as "2026-01-31" or a time such as "2026-01-31T18:00Z"',
            '"1066-10-14" is outside the years 1970 to 9999',
        ]
    )
    # Python's own words follow.
    assert mistake(uploaded_before="2026-02-30").startswith('uploaded_before: invalid date "2026-02-30": ')


def test_choices() -> None:
    assert [
        mistake(package_types=["wheel"]),
        mistake(package_types=["rpm!"]),
        mistake(project_status=["archive"]),
        mistake(vulnerable=True),
        mistake(closure="all"),
        mistake(extensions=["tar.gz"]),
        mistake(extensions=["?"]),
    ] == snapshot(
        [
            'package_types[0]: unknown value "wheel"; did you mean "bdist_wheel"?',
            'package_types[0]: unknown value "rpm!"; choose from sdist, bdist_wheel, bdist_egg, bdist_wininst, bdist_msi, bdist_rpm, bdist_dumb, bdist_dmg',
            'project_status[0]: unknown value "archive"; did you mean "archived"?',
            "vulnerable: unknown value; choose from include, report, exclude",
            'closure: unknown value "all"; choose from resolved, releases',
            'extensions[0]: only the last extension counts: write "gz" instead of "tar.gz"',
            'extensions[0]: unknown extension "?"; choose from whl, gz, zip, bz2, xz, tar, tgz, tbz, tbz2, txz, lz, lzma, tlz, z, egg, exe, msi, rpm, dmg, deb',
        ]
    )


def test_tags() -> None:
    words = ["py3.12", "sdist", "wheel", "cp310, cp311"]
    assert messages("python_versions", *([word] for word in words)) == snapshot(
        [
            'unknown Python tag "py3.12"; did you mean "cp312" or "py312"?',
            'unknown Python tag "sdist"; did you mean "source"?',
            'unknown Python tag "wheel"; write "py3", "cp312", "source" for sdists, or "any" and versions such as "2.7" for older formats',
            '"cp310, cp311" must be separate words: write "cp310", "cp311"',
        ]
    )
    words = ["windows", "linux-x86_64", "macos", "foo", "win any"]
    assert messages("platforms", *([word] for word in words)) == snapshot(
        [
            'unknown platform "windows"; did you mean "win" or "win_amd64"?',
            'unknown platform "linux-x86_64"; did you mean "linux_x86_64" or "linux"?',
            'unknown platform "macos"; did you mean "macosx"?',
            'unknown platform "foo"; write "any", a family such as "linux", "macosx" or "win", or a whole tag such as "win_amd64"',
            '"win any" must be separate words: write "win", "any"',
        ]
    )
    assert messages("extensions", ["targz"], [".wheel"]) == snapshot(
        ['unknown extension "targz"; did you mean "gz"?', 'unknown extension ".wheel"; did you mean "whl"?']
    )


def test_projects() -> None:
    assert [
        *messages("projects", ["requests[socks]>=2"], ["pip @ https://example.org/p.whl"], ["tomli; x"]),
        *messages("projects", ["numpy=2"]),
        *messages("exclude_projects", ["numpy<2"]),
    ] == snapshot(
        [
            '"requests[socks]>=2" has extras, which select no files: write "requests>=2"',
            '"pip @ https://example.org/p.whl" contains a URL: write only the project\'s name',
            '"tomli; x" has a marker: remove ";" and what follows',
            '"numpy=2" is not a project name, a glob such as "django-*", or a requirement such as "numpy>=2,<3"',
            '"numpy<2" is not a project name, a glob such as "*-nightly", or a regular expression such as "re:tf-.*"',
        ]
    )


def test_regular_expressions() -> None:
    patterns = ("re:acme-(web", "re:", "re:a{99999999999999}")
    assert [message for pattern in patterns for message in messages("projects", [pattern])] == snapshot(
        [
            'invalid regular expression "re:acme-(web": missing ), unterminated subpattern, at character 6 after "re:"',
            '"re:" has no regular expression after "re:"',
            'the regular expression "re:a{99999999999999}" is too big',
        ]
    )
    assert mistake(projects=["re:[[a]"]).partition("; ")[2] == snapshot('add a backslash, as in "\\\\["')


def test_files() -> None:
    assert messages("exclude_files", [""], ["win32/*.exe"], ["*.{exe,msi}"]) == snapshot(
        [
            'is empty: write a glob such as "*.exe" between the quotes, or remove it',
            '"win32/*.exe" contains a folder: write only a filename, such as "*.exe"',
            '"*.{exe,msi}" contains braces, which globs do not support: write "*.exe", "*.msi"',
        ]
    )


def test_paths() -> None:
    assert messages("repository", "", "~no-such-user/minirepo") == snapshot(
        [
            'must name a folder, such as "~/minirepo"',
            '"~no-such-user/minirepo": this machine has no such user',
        ]
    )
    assert [
        mistake(requirements=[entry], targets=[LINUX]).partition(": ")[2]
        for entry in (7, "", "https://example.org/a.txt", "-r a.txt", "a.txt[test]")
    ] == snapshot(
        [
            'must be a file in double quotes, such as "requirements.txt"',
            'must name a file, such as "requirements.txt" or "groups/*.in"',
            '"https://example.org/a.txt" is a URL: download the file and write its path',
            '"-r a.txt" is a pip option: write only the file\'s path',
            '"a.txt[test]": write extras as "pyproject.toml[test,docs]" and a group as "pyproject.toml:dev", each in its own entry',
        ]
    )


def test_index_url() -> None:
    assert messages(
        "index_url",
        "https://a b/",
        "https://[::1/",
        "ftp://index.example.org/",
        "https:///simple/",
        "https://☃.example.org/simple/",
        "https://index.example.org/simple/?a=1",
    ) == snapshot(
        [
            "must be a URL without spaces",
            "invalid URL: check its host and port, and write / @ : in a password as %2F %40 %3A",
            'must be a URL that starts with "https://" or "http://"',
            'the URL has no host: write it like "https://index.example.org/simple/"',
            "the host name in the URL is invalid",
            'must end with its path, such as "/simple/": remove "?" or "#" and what follows',
        ]
    )


def test_targets() -> None:
    assert [
        target_messages(python="cp312"),
        target_messages(python=3.12),
        target_messages(implementation="cpython"),
        target_messages(implementation="cp312"),
        target_messages(abi="abi3"),
        target_messages(abi="cp-313"),
        target_messages(abi="cp311"),
        target_messages(abi="cp312t"),
        target_messages(platform="ubuntu_22_04_x86_64"),
    ] == snapshot(
        [
            'python: must be a Python version such as "3.12" or "3.12.7"',
            'python: must be in double quotes, "3.12", because the numbers 3.1 and 3.10 are equal',
            'implementation: "cpython" is not the tag: write "cp"',
            'implementation: must be an implementation tag such as "cp" or "pp"',
            'abi: "abi3" is always accepted: remove "abi"',
            'abi: must be an ABI tag such as "cp313t"; without "abi", the usual one applies',
            '"cp311" is not an ABI of Python 3.12: remove it',
            '"cp312t" is not an ABI of Python 3.12: remove it',
            'platform: "ubuntu_22_04_x86_64" is not a platform tag such as "manylinux_2_28_x86_64", "macosx_12_0_arm64" or "win_amd64"',
        ]
    )


def test_platforms_of_targets() -> None:
    wrong = ("linux_aarch64", "manylinux", "musllinux", "macos", "win64", "any", "*", "Win-AMD64")
    assert [target_messages(platform=platform) for platform in wrong] == snapshot(
        [
            'platform: "linux_aarch64" does not name the C library: write "manylinux_2_28_aarch64" (`ldd --version` prints the version of glibc) or "musllinux_1_2_aarch64"',
            'platform: "manylinux" lacks the glibc version or the architecture: write it like "manylinux_2_28_x86_64"',
            'platform: "musllinux" lacks the musl version or the architecture: write it like "musllinux_1_2_x86_64"',
            'platform: "macos" lacks the macOS version or the processor: write it like "macosx_12_0_arm64", or "macosx_12_0_x86_64" for Intel',
            'platform: "win64" is not a Windows platform tag: write "win_amd64", "win_arm64" or "win32"',
            'platform: "any" is the tag of wheels for every platform: name the target\'s own, such as "win_amd64"',
            'platform: "*" is not a platform tag such as "manylinux_2_28_x86_64", "macosx_12_0_arm64" or "win_amd64"',
            'platform: "Win-AMD64" is not a platform tag: write "win_amd64"',
        ]
    )


def test_keys_that_need_others() -> None:
    assert [
        mistake(requirements=["a.txt"]),
        mistake(dependencies=True, targets=[LINUX]),
    ] == snapshot(
        [
            'requirements: needs "targets", the environments to resolve for; `minimirror target` prints the current one',
            'dependencies: needs "projects" (the dependencies of "requirements" are always mirrored)',
        ]
    )


def test_broken_json() -> None:
    texts = (
        "",
        "[]",
        '{"repository": "/data",}',
        '{"repository" "/data"}',
        '{"a": 1 "b": 2}',
        '{"repository": }',
        "{repository: 1}",
        "{'repository': 1}",
        '{"repository": "/data',
        '{"repository": "C:\\data"}',
        '{"repository": "/data\n"}',
        '{"repository": "/data" # here\n}',
        '{"repository": "/data"',
        '{"repository": "/data"}}',
        '{"repository": "\\ud83d"}',
        "[" * 200_000,
    )
    # Without the column, which depends on the Python version, and without the line that it points into.
    assert [mistakes(text)[0].split("\n")[0].split(": ", 1)[1] for text in texts] == snapshot(
        [
            "the file is empty: `minimirror init --force` writes a new one",
            'must be an object, such as {"repository": "~/minirepo"}',
            "remove the comma before the closing bracket",
            "missing colon before this",
            "missing comma before this",
            "expected a value: text in double quotes, a number, true, false, or a list",
            "expected a key in double quotes",
            'JSON strings need straight double quotes (")',
            "the string that starts here has no closing quote",
            'write a backslash in a string as "\\\\"',
            "the line ends inside a string: add the closing quote",
            "write a comment as // … or /* … */",
            "unexpected end of file: add the missing value or closing bracket",
            "unexpected text after the end of the object",
            'has an incomplete character, such as "\\ud83d": write the character itself',
            "nested too deeply, or a number is too long",
        ]
    )


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{\n"repository": "/donn\xe9es"}')
    (tmp_path / "locked").mkdir()
    found = []
    for name in ("none", "latin", "locked"):
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / name)
        found.append(str(caught.value))
    with pytest.raises(ConfigError) as caught:
        save(tmp_path / "nowhere" / "lab.json", {})
    found.append(str(caught.value))
    save(tmp_path / "lab.json", {"repository": "/data"})
    with pytest.raises(ConfigError) as caught:
        unset_value(tmp_path / "lab.json", "procesess")
    found.append(str(caught.value))
    assert [text.replace(str(tmp_path), "FOLDER") for text in found] == snapshot(
        [
            "FOLDER/none: no such file: `minimirror init --config FOLDER/none` creates it",
            "FOLDER/latin:2: not UTF-8 text: save the file as UTF-8",
            "FOLDER/locked: is a folder: give the path of the config file in it",
            "FOLDER/nowhere/lab.json: cannot write: No such file or directory",
            'procesess: unknown key; did you mean "processes"?',
        ]
    )


def test_serve() -> None:
    found = [
        mistake(serve={"prot": 1}),
        mistake(serve={"trusted_proxies": "10.0.0.0/8"}),
        mistake(serve={"trusted_proxies": ["300.1.1.1"]}),
        mistake(serve={"on_demand": "yes"}),
        mistake(serve={"port": 70000}),
        mistake(serve=[]),
    ]
    assert found == snapshot(
        [
            'serve.prot: unknown key; did you mean "port"?',
            'serve.trusted_proxies: must be a list, such as ["10.0.0.5", "10.1.0.0/16"]',
            'serve.trusted_proxies[0]: "300.1.1.1" must be an IP address or a network such as "10.0.0.0/8"',
            "serve.on_demand: must be true or false, without quotes",
            "serve.port: must be a port, from 0 (any free one) to 65535",
            'serve: must be an object, such as {"host": "0.0.0.0", "port": 8000, "htpasswd": "uploaders.htpasswd"}',
        ]
    )


def test_indexes() -> None:
    entry = {"name": "wheels", "url": "https://me:secret@example.org/whl", "projects": ["torch"]}
    others: list[dict[str, object]] = [
        {"name": "two words"},
        {"url": "example.org"},
        {"url": "https://me:secret@example.org/stable.html"},
        {"projects": []},
        {"projects": ["torch>=2"]},
        {"kind": "flat"},
        {"project": "torch"},
    ]
    found = [mistake(indexes=[{**entry, **other}]) for other in others]
    found += [
        mistake(indexes=[entry, {**entry, "name": "other"}]),
        mistake(indexes=[entry, {**entry, "url": "https://example.org"}]),
    ]
    found += [
        mistake(indexes=[entry], index_url="https://example.org/whl/"),
        mistake(index_url="https://example.org/stable.html"),
    ]
    assert found == snapshot(
        [
            'indexes[0].name: must be a name such as "pytorch": letters, digits, ".", "_" and "-"',
            'indexes[0].url: must be a URL that starts with "https://" or "http://"',
            'indexes: "https://me:****@example.org/stable.html" is a page, not an index: if it lists links to files, add "kind": "find-links"',
            "indexes[0].projects: the list is empty, so nothing would match: fill it, or remove it",
            'indexes[0].projects[0]: "torch>=2" is not a project name, a glob such as "*-nightly", or a regular expression such as "re:tf-.*"',
            'indexes[0].kind: unknown value "flat"; choose from simple, find-links',
            'indexes[0].project: unknown key; did you mean "projects"?',
            'indexes: two entries have the URL "https://example.org/whl": merge them into one',
            'indexes: two entries have the name "wheels": merge them into one',
            'indexes: an entry has the URL of "index_url", where all other projects come from: remove it',
            'index_url: is a page, not an index: if it lists links to files, add it to "indexes", with "kind": "find-links"',
        ]
    )
