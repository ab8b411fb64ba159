"""Words of the config that match nothing."""

from __future__ import annotations

from hypothesis import given

from minimirror.selection import Rules, UnmatchedPatterns, UnmatchedWords
from minimirror.simple_api import File
from tests.helpers.selecting import (
    ALL,
    ANY_RULES,
    LINUX,
    MAC,
    SOUND_PAGES,
    decide,
    files,
    rules,
    sdist,
    wheel,
)


def left(page: list[File], applied: Rules) -> dict[str, list[str]]:
    words = UnmatchedWords(applied)
    words.take(decide(page, applied))
    return words.by_key()


def test_a_word_matches_a_file_that_another_rule_refuses() -> None:
    page = files(wheel("1.0", "cp37-abi3-win_amd64"), sdist("1.0"), "bar-1.0.zip", yanked="")
    listed = rules(
        package_types=("sdist", "bdist_egg"),
        extensions=("whl", "zip"),
        python_versions=("cp310", "cp311", "py3", "source"),
        platforms=("any", "win", "win32"),
        exclude_files=("*.tar.gz", "bar-*", "*.exe"),
        min_age_exempt=("fo?", "bar"),
        yanked=False,
    )
    assert left(page, listed) == {
        "package_types": ["bdist_egg"],
        "extensions": ["zip"],
        "python_versions": ["py3"],
        "platforms": ["any", "win32"],
        "exclude_files": ["*.exe"],
        "min_age_exempt": ["bar"],
    }


def test_a_target_matches_the_files_that_it_accepts() -> None:
    page = files(wheel("1.0", "cp312-cp312-manylinux_2_17_x86_64"))
    assert left(page, rules(targets=(LINUX, MAC))) == {"targets": [str(MAC)]}
    assert left(files(sdist("1.0")), rules(targets=(LINUX, MAC))) == {}


def test_what_one_page_matches_is_reported_once() -> None:
    listed = rules(package_types=("sdist", "bdist_wheel"))
    words, other = UnmatchedWords(listed), UnmatchedWords(listed)
    found = [words.take(decide(files(name), listed)) for name in (sdist("1.0"), sdist("2.0"), wheel("1.0"))]
    assert found == [[("package_types", "sdist")], [], [("package_types", "bdist_wheel")]]
    other.drop([*found[0], *found[2]])
    assert words.by_key() == other.by_key() == UnmatchedWords(ALL).by_key() == {}


@given(SOUND_PAGES, ANY_RULES)
def test_a_list_without_a_match_keeps_nothing(page: list[File], applied: Rules) -> None:
    for key, words in left(page, applied).items():
        if key in {"package_types", "extensions", "python_versions"} and set(words) == getattr(applied, key):
            assert not any(each.wanted for each in decide(page, applied))


def test_patterns_of_projects() -> None:
    patterns = UnmatchedPatterns(["foo", "Bar_*", "re:ba[z]", "spam-*"])
    for name in ("foo", "bar-x", "bar", "baz"):
        patterns.take(name)
    assert patterns.left == ["spam-*"]
