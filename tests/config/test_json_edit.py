"""Changing one key of a config leaves the rest of the file as its author wrote it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minimirror.config import ConfigError, load, set_value, unset_value
from minimirror.config.json_edit import with_value, without_comments, without_key

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
{
    // For the lab.
    "repository": "packages",   // on the big disk
    "projects": [
        "requests",  // everybody
        /* only the students */ "flask"
    ], /* more to come */
    "platforms": ["any", "linux"],
    "releases": 1
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "lab.json"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ("releases = 3", '"releases": 1', '"releases": 3'),
        ("repository = /data", '"packages",   // on', '"/data",   // on'),
        ("projects += numpy>=2,<3", '"flask"\n', '"flask",\n        "numpy>=2,<3"\n'),
        ("projects += requests", "", ""),
        ("projects -= requests", '        "requests",  // everybody\n', ""),
        (
            "projects -= flask",
            '"requests",  // everybody\n        /* only the students */ "flask"\n',
            '"requests"  // everybody\n        /* only the students */\n',
        ),
        ("platforms += win_amd64", '"linux"]', '"linux", "win_amd64"]'),
        ("platforms -= any", '["any", "linux"]', '["linux"]'),
        ("platforms = linux,any", '["any", "linux"]', '["linux", "any"]'),
        ("yanked = true", '"releases": 1\n', '"releases": 1,\n    "yanked": true\n'),
        ("extensions += whl", '"releases": 1\n', '"releases": 1,\n    "extensions": ["whl"]\n'),
    ],
)
def test_set(path: Path, change: str, old: str, new: str) -> None:
    key, operator, value = change.split(" ")
    set_value(path, key, value, cast("Literal['=', '+=', '-=']", operator))
    assert path.read_text() == TEXT.replace(old, new)
    load(path)


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("releases", '],\n    "releases": 1\n', "]\n"),
        ("platforms", '    "platforms": ["any", "linux"],\n', ""),
    ],
)
def test_unset(path: Path, key: str, old: str, new: str) -> None:
    unset_value(path, key)
    assert path.read_text() == TEXT.replace(old, new)
    load(path)


@pytest.mark.parametrize(
    ("key", "change", "value", "word"),
    [
        ("releases", "+=", "3", "not a list"),
        ("projects", "-=", "django", "django"),
        ("projects", "-=", "requests,flask", "empty"),
    ],
)
def test_what_cannot_be_changed(
    path: Path, key: str, change: Literal["+=", "-="], value: str, word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        set_value(path, key, value, change)
    assert path.read_text() == TEXT


GAPS = st.sampled_from(["", " ", "\n", "\n    ", ' // a comment: ["}\n', '/* { " */', "\t"])
NAMES = st.sampled_from(["requests", "flask", "a//b", "c/*d*/", "é", "numpy>=2,<3"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return a config with gaps and comments wherever JSON allows them."""

    def gap() -> str:
        return draw(GAPS)

    items = [f"{gap()}{json.dumps(name)}{gap()}" for name in draw(st.lists(NAMES, unique=True))]
    members = [
        f"{gap()}{json.dumps(key)}{gap()}:{gap()}{value}{gap()}"
        for key, value in draw(
            st.permutations([("one", "1"), ("list", f"[{','.join(items)}]"), ("two", '{"x": [1]}')])
        )
    ]
    return f"{gap()}{{{','.join(members)}}}{gap()}"


@given(texts(), st.lists(NAMES, unique=True))
@example('{"list":[ // a comment: ["}\n"requests"],"two":{"x": [1]}}', ["flask"])
def test_any_text(text: str, names: list[str]) -> None:
    values = json.loads(without_comments(text))
    assert json.loads(without_comments(with_value(text, "list", names))) == {**values, "list": names}
    assert json.loads(without_comments(with_value(text, "new", names))) == {**values, "new": names}
    for key in values:
        rest = {other: value for other, value in values.items() if other != key}
        assert json.loads(without_comments(without_key(text, key))) == rest
