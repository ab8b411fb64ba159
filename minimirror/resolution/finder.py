"""What the targets need, from what was asked for: remembered, resolved, or read from locks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from minimirror.common import Summary
from minimirror.config import Config
from minimirror.resolution import Closure
from minimirror.resolution.cache import Memory
from minimirror.resolution.inputs import Input, read_lock
from minimirror.resolution.local_projects import Private, is_of
from minimirror.resolution.policy import Offer
from minimirror.resolution.requests import Question, asked_for
from minimirror.resolution.uv import Resolution, resolve
from minimirror.selection import PinnedRelease, Rules
from minimirror.simple_api import PageError
from minimirror.storage import Catalog
from minimirror.upstream import FetchError, Index

__all__ = ["Finder"]

_VERSION = 1
"""Raised when the same inputs come to be resolved otherwise, so that all are resolved anew."""


class Finder:
    """Finds what the targets need, each input once."""

    def __init__(
        self,
        config: Config,
        index: Index,
        catalog: Catalog,
        summary: Summary,
        unknown: Mapping[str, Sequence[Path]],
    ) -> None:
        self._config = config
        self._index = index
        self._memory = Memory(catalog)
        self._summary = summary
        self._stamps = [_stamp(path) for paths in unknown.values() for path in paths]
        self._private = Private(index, unknown)
        self._targets = [str(target) for target in config.targets]
        self._pins: dict[str, dict[PinnedRelease, None]] = {}
        self._chains: dict[tuple[str, str, int], dict[tuple[str, ...], None]] = {}
        self._validators: dict[str, str] = {}

    def find(self) -> Closure:
        """Find it: see :func:`find_closure`."""
        asked = asked_for(self._config, self._index, self._summary)
        for lock in asked.locks:
            self._take_lock(lock)
        self._resolve(asked.questions)
        return Closure(
            pins={project: tuple(pins) for project, pins in sorted(self._pins.items())},
            chains={at: tuple(chains) for at, chains in self._chains.items()},
            validators=self._validators,
        )

    def _take_lock(self, lock: Input) -> None:
        found = read_lock(lock, self._config.targets)
        for problem in found.problems:
            self._summary.fail(lock.name, None, problem)
        for number, reason in found.refused.items():
            self._summary.fail(
                lock.name, None, f"nothing of it is mirrored for {self._targets[number]}: {reason}"
            )
        for project, pins in found.pins.items():
            if own := self._own_files(project):
                self._check_own(lock, project, pins, own)
                continue
            for pin in pins:
                self._add(project, pin, found.chains[project, pin.target])

    def _add(self, project: str, pin: PinnedRelease, chain: tuple[str, ...]) -> None:
        self._pins.setdefault(project, {})[pin] = None
        self._chains.setdefault((project, pin.version, pin.target), {})[chain] = None

    def _own_files(self, project: str) -> Collection[Path]:
        try:
            return self._private.files(project)
        except (FetchError, PageError):
            # Who reads its page later says what is wrong, and takes care as well.
            return ()

    def _check_own(
        self, lock: Input, project: str, pins: Iterable[PinnedRelease], own: Collection[Path]
    ) -> None:
        """Find out whether a private project is here in the releases that a lock names."""
        for version in dict.fromkeys(pin.version for pin in pins):
            if not any(is_of(path, project, version) for path in own):
                cause = "and the folder's own files of this private project are of other releases"
                self._summary.fail(project, None, f"{lock.name} needs {version}, {cause}")

    def _resolve(self, questions: Sequence[Question]) -> None:
        """Resolve what was asked for, but for what was resolved before and still holds."""
        now = time.time()
        keys = {
            (question.key, target): self._key(question.fingerprint, target)
            for question in questions
            for target in self._targets
        }
        holds = self._memory.good(keys, self._index, now, self._config.connections)
        offer = Offer(self._config, self._index, now)
        old: list[Question] = []
        new: list[Question] = []
        for question in questions:
            known = [holds.get((question.key, target)) for target in self._targets]
            (old if all(known) else new).append(question)
        for question in old:
            for number, target in enumerate(self._targets):
                self._take(question, number, holds[question.key, target])
        asked = {question.environment.name: question for question in new}
        terms = offer.terms(self._private.files)
        environments = [question.environment for question in new]
        for found in resolve(environments, self._config.targets, self._index, terms):
            question = asked[found.environment]
            key = keys[question.key, self._targets[found.target]]
            self._take_new(question, found, key, offer.due)
        self._memory.forget_others(keys)

    def _take_new(self, question: Question, found: Resolution, key: str, due: float | None) -> None:
        name, target = question.environment.name, self._targets[found.target]
        if found.failure is None:
            self._memory.keep(question.key, target, key, found, due)
            self._take(question, found.target, found)
            return
        last = self._memory.last(question.key, target)
        kept = "; what it needed before is kept" if last else ""
        why = " ".join(found.failure.split())
        self._summary.fail(name, None, f"cannot be resolved for {target}{kept}: {why}")
        if last:
            self._take(question, found.target, replace(last, consulted={}))

    def _take(self, question: Question, target: int, found: Resolution) -> None:
        for needed in found.needed:
            self._add(needed.project, PinnedRelease(needed.version, target, needed.digests), needed.chain)
        for warning in found.warnings:
            self._summary.note(f"{question.environment.name}, for {self._targets[target]}: {warning}")
        # These pages are known to be as the resolver saw them.
        self._validators |= {name: text for name, text in found.consulted.items() if text is not None}

    def _key(self, fingerprint: str, target: str) -> str:
        """Text that differs where anything differs that a resolution depends on, the index's pages aside."""
        config = self._config
        rules = Rules.of(config).fingerprint([])
        parts = [
            _VERSION,
            fingerprint,
            target,
            self._index.url,
            rules,
            config.exclude_projects,
            config.build,
            self._stamps,
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _stamp(path: Path) -> tuple[str, int, int]:
    """What tells whether a file in the folder is another than it was."""
    try:
        found = path.stat()
    except OSError:
        return path.name, -1, 0
    return path.name, found.st_size, found.st_mtime_ns
