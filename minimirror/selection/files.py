"""The rules of a single file: its name, its tags, and its entry on the page."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection

from minimirror.common import format_size, format_time
from minimirror.distributions import MAX_FILENAME, Distribution, FilenameError, read_filename
from minimirror.selection.compatibility import Compatibility
from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.patterns import file_patterns, project_patterns
from minimirror.selection.rules import Rules
from minimirror.simple_api import File

__all__ = ["FileRules", "decide_file", "is_listed"]

_NO_TIME = "the index gives no upload time"


class FileRules:
    """The rules of a single file, for the files of one page."""

    def __init__(self, project: str, rules: Rules, now: float, held: Collection[str] = ()) -> None:
        """Prepare the rules.

        :param held: filenames to which the rules about upload times no longer apply
        """
        self._project = project
        self._held = held
        self._rules = rules
        self._now = now
        self._excluded = file_patterns(rules.exclude_files)
        self._compatibility = Compatibility(rules.targets)
        exempt = project_patterns(rules.min_age_exempt).match(project)
        self._min_age = None if exempt else rules.min_age

    def decide(self, file: File, *, yanked: bool) -> Decision:
        """Decide about a file.

        :param yanked: whether a yanked file is acceptable
        """
        try:
            found = read_filename(file.filename, self._project)
        except FilenameError as error:
            rule, reason, _ = self._excluded_by(file.filename) or Refusal("filename", error.reason)
            is_refused = rule == "filename"
            return Decision(
                file,
                None,
                False,
                rule,
                reason,
                suspect=error.suspect and is_refused,
                foreign=error.foreign and is_refused,
            )
        targets = self._compatibility.targets(found, file.requires_python) if self._rules.targets else 0
        refusal = (
            self._by_name(found)
            or self._excluded_by(file.filename)
            or self._by_target(found, file, targets)
            or self._by_page(file, yanked)
        )
        if refusal is None:
            return Decision(file, found, True, "", self._why_wanted(found), False, targets)
        rule, reason, until = refusal
        return Decision(file, found, False, rule, reason, False, targets, until)

    def _by_name(self, found: Distribution) -> Refusal | None:
        rules = self._rules
        if rules.package_types is not None and found.package_type not in rules.package_types:
            return Refusal("package_types", f"{found.package_type} is not listed")
        if rules.extensions is not None and found.extension not in rules.extensions:
            return Refusal("extensions", f"{found.extension} is not listed")
        if rules.python_versions is not None and not self._keeping(found):
            return Refusal("python_versions", f"{found.python_tag} is not listed")
        if rules.platforms is not None and found.platforms and not _listed(found.platforms, rules.platforms):
            return Refusal("platforms", f"{'.'.join(found.platforms)} is not listed")
        return None

    def _keeping(self, found: Distribution) -> str:
        """Return the entry of ``python_versions`` that keeps a file, empty if there is none."""
        return _python_listed(found.python_tag, found.abi_tag, self._rules.python_versions or frozenset())

    def _why_wanted(self, found: Distribution) -> str:
        entry = self._keeping(found) if "abi3" in found.abi_tag else ""
        is_listed = entry in {"", found.python_tag, *found.python_tag.split(".")}
        return "wanted" if is_listed else f"{entry} accepts {found.python_tag}-{found.abi_tag}"

    def _by_target(self, found: Distribution, file: File, targets: int) -> Refusal | None:
        if self._rules.targets and not targets:
            return Refusal("targets", self._compatibility.refusal(found, file.requires_python))
        return None

    def _excluded_by(self, filename: str) -> Refusal | None:
        patterns = self._rules.exclude_files
        if not patterns or len(filename) > MAX_FILENAME or not self._excluded.match(name := filename.lower()):
            return None
        pattern = next(each for each in patterns if file_patterns((each,)).match(name))
        return Refusal("exclude_files", f"matches {pattern}")

    def _by_page(self, file: File, yanked: bool) -> Refusal | None:
        if file.yanked is not None and not yanked:
            return Refusal("yanked", f"yanked: {file.yanked}" if file.yanked else "yanked")
        most = self._rules.max_file_size
        if most is not None and file.size is not None and file.size > most:
            return Refusal("max_file_size", f"{format_size(file.size)} is more than {format_size(most)}")
        return self._by_time(file)

    def _by_time(self, file: File) -> Refusal | None:
        if file.filename in self._held:
            return None
        before, uploaded = self._rules.uploaded_before, file.upload_time
        if before is not None:
            if uploaded is None:
                return Refusal("uploaded_before", _NO_TIME)
            if uploaded >= before:
                return Refusal(
                    "uploaded_before", f"uploaded {format_time(uploaded)}, not before {format_time(before)}"
                )
        if self._min_age is not None:
            if uploaded is None:
                return Refusal("min_age", _NO_TIME)
            until = uploaded + self._min_age
            if until > self._now:
                reason = f"uploaded {format_time(uploaded)}, held back until {format_time(until)}"
                return Refusal("min_age", reason, until)
        return None


def decide_file(file: File, project: str, rules: Rules) -> Decision:
    """Decide about a file that is here, by the rules of single files.

    :param project: its project's normalized name
    """
    return FileRules(project, rules, 0.0, (file.filename,)).decide(file, yanked=rules.yanked)


def is_listed(key: str, found: Distribution, listed: frozenset[str]) -> bool:
    """Return whether a file has one of the words that are listed under a key of the config."""
    if key == "python_versions":
        return bool(_python_listed(found.python_tag, found.abi_tag, listed))
    if key == "platforms":
        return _listed(found.platforms, listed)
    return (found.package_type if key == "package_types" else found.extension) in listed


@functools.lru_cache(maxsize=4096)
def _python_listed(python: str, abi: str, listed: frozenset[str]) -> str:
    """Return the entry that keeps a Python tag, empty if there is none.

    :param abi: the ABI tag, empty for other files than wheels
    """
    parts = python.split(".") if abi else [python]
    for tag in (python, *parts):
        if tag in listed:
            return tag
    for abi_part in abi.split("."):
        # A stable ABI (PEP 384), which newer Pythons accept; free-threaded ones have their own (PEP 803).
        suffix = {"abi3": "", "abi3t": "t"}.get(abi_part)
        for entry in sorted(listed) if suffix is not None else ():
            if any(_is_newer(entry, f"{part}{suffix}") for part in parts):
                return entry
        if abi_part.endswith("t") and abi_part in listed:
            return abi_part
    return ""


_CPYTHON = re.compile(r"cp3([0-9]+)(t?)")


def _is_newer(entry: str, tag: str) -> bool:
    """Return whether an entry is for the CPython of a tag, or for a newer one of the same kind."""
    one, other = _CPYTHON.fullmatch(entry), _CPYTHON.fullmatch(tag)
    return one is not None and other is not None and one[2] == other[2] and int(one[1]) >= int(other[1])


@functools.lru_cache(maxsize=1024)
def _listed(platforms: tuple[str, ...], listed: frozenset[str]) -> bool:
    return any(tag in listed or not listed.isdisjoint(_families(tag)) for tag in platforms)


def _families(tag: str) -> tuple[str, ...]:
    """Return the families of a tag: its leading letters, and ``linux`` for manylinux and musllinux."""
    letters = tag[: len(tag) - len(tag.lstrip("abcdefghijklmnopqrstuvwxyz"))]
    return (letters, "linux") if letters in {"manylinux", "musllinux"} else (letters,)
