"""The rules of a single file: its name, its tags, and its entry on the page."""

from __future__ import annotations

import functools
from collections.abc import Collection

from minimirror.common import format_size, format_time
from minimirror.distributions import Distribution, FilenameError, read_filename
from minimirror.selection.compatibility import Compatibility
from minimirror.selection.decision import Decision, Refusal
from minimirror.selection.patterns import file_patterns, project_patterns
from minimirror.selection.rules import Rules
from minimirror.simple_api import File

__all__ = ["FileRules", "decide_file"]

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
            return Decision(file, None, False, "filename", error.reason, suspect=error.suspect)
        targets = self._compatibility.targets(found, file.requires_python) if self._rules.targets else 0
        refusal = self._by_name(found) or self._by_target(found, file, targets) or self._by_page(file, yanked)
        if refusal is None:
            return Decision(file, found, True, "", "wanted", False, targets)
        rule, reason, until = refusal
        return Decision(file, found, False, rule, reason, False, targets, until)

    def offers(self, file: File) -> bool:
        """Return whether the index offers the file, whatever its kind: it is not yanked, and not too new."""
        return (file.yanked is None or self._rules.yanked) and self._by_time(file) is None

    def _by_name(self, found: Distribution) -> Refusal | None:
        rules = self._rules
        if rules.package_types is not None and found.package_type not in rules.package_types:
            return Refusal("package_types", f"{found.package_type} is not listed")
        if rules.extensions is not None and found.extension not in rules.extensions:
            return Refusal("extensions", f"{found.extension} is not listed")
        if rules.python_versions is not None and not _python_listed(found, rules.python_versions):
            return Refusal("python_versions", f"{found.python_tag} is not listed")
        if rules.platforms is not None and found.platforms and not _listed(found.platforms, rules.platforms):
            return Refusal("platforms", f"{'.'.join(found.platforms)} is not listed")
        return None

    def _by_target(self, found: Distribution, file: File, targets: int) -> Refusal | None:
        rules = self._rules
        if rules.exclude_files and self._excluded.match(name := found.filename.lower()):
            pattern = next(each for each in rules.exclude_files if file_patterns((each,)).match(name))
            return Refusal("exclude_files", f"matches {pattern}")
        if rules.targets and not targets:
            return Refusal("targets", self._compatibility.refusal(found, file.requires_python))
        return None

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


def _python_listed(found: Distribution, listed: frozenset[str]) -> bool:
    tag = found.python_tag
    return tag in listed or ("." in tag and found.abi_tag != "" and not listed.isdisjoint(tag.split(".")))


@functools.lru_cache(maxsize=1024)
def _listed(platforms: tuple[str, ...], listed: frozenset[str]) -> bool:
    return any(tag in listed or not listed.isdisjoint(_families(tag)) for tag in platforms)


def _families(tag: str) -> tuple[str, ...]:
    """Return the families of a tag: its leading letters, and ``linux`` for manylinux and musllinux."""
    letters = tag[: len(tag) - len(tag.lstrip("abcdefghijklmnopqrstuvwxyz"))]
    return (letters, "linux") if letters in {"manylinux", "musllinux"} else (letters,)
