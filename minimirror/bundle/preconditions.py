"""The checks before an import: the state of this mirror, and the other files in its folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from minimirror.bundle.manifest import EarlierExport, ManifestHeader
from minimirror.bundle.results import BundleError, DamagedError, GapError
from minimirror.common import format_time, has_sha256, printable, shorten
from minimirror.distributions import projects_named
from minimirror.storage import EMPTY, Arrivals, Catalog, FileRow, MirrorFolder, mirror_state

__all__ = ["Preconditions", "check_folder", "is_present"]

_MAX_NAMES = 10
"""Names of a long list that a message shows."""

_INTERRUPTED = "importing"
"""The catalog's key for the bundle whose import has begun and not ended."""


class Preconditions:
    """What a bundle requires of the mirror that imports it, and whether the mirror meets it."""

    def __init__(
        self, catalog: Catalog, arrivals: Arrivals, bundle: Path, header: ManifestHeader, manifest: str
    ) -> None:
        """Read the state of the mirror.

        :param arrivals: what the bundle adds and removes
        :param bundle: its first part
        :param manifest: the digest of its manifest
        """
        self._catalog = catalog
        self._arrivals = arrivals
        self._bundle = bundle
        self._header = header
        self._mark = f"{header.mirror} {header.number} {manifest}"
        self._interrupted = catalog.recall(_INTERRUPTED)
        self._here = mirror_state(catalog.db)
        last = arrivals.last_import()
        self._last = last if last and last.mirror == header.mirror else None
        """The last import, if it came from the same mirror."""

    def why_not(self, *, all_there: bool, replace: bool) -> str | None:
        """Return the reason if there is nothing to do.

        :param all_there: whether the folder has every file that the bundle carries
        :param replace: whether the mirror may go back to an earlier state
        """
        if self._interrupted is not None:
            return None
        if self._here == self._header.state:
            return "already imported" if all_there else None
        last, header = self._last, self._header
        if last and header.number <= last.number and self._here == last.state:
            goes_back = replace and header.since is None
            return None if goes_back else f"the newer export {last.number} is already imported"
        return None

    def check(self, *, replace: bool) -> None:
        """Check that the bundle fits.

        :param replace: whether a full bundle may replace a newer state, or the files of another mirror
        :raises GapError: the bundle starts after another state
        :raises BundleError: it does not fit for another reason
        """
        if self._header.since is None:
            if not replace and self._interrupted != self._mark:
                self._check_replacement()
        elif self._interrupted not in {None, self._mark}:
            number = (self._interrupted or "").split()[1]
            raise GapError(
                f"{self._bundle}: the import of export {number} was interrupted; import that bundle again"
                " first"
            )
        if self._arrivals.state() != self._header.state:
            raise self._gap() if self._header.since else self._wrong_state()
        if self._arrivals.lacks():
            # A local file could pass for one that minimirror placed.
            raise self._wrong_state()

    def begin(self) -> None:
        """Record that the import has begun, so that no other bundle is imported before it has ended."""
        self._catalog.remember(_INTERRUPTED, self._mark)

    def end(self) -> None:
        """Record that the import has ended."""
        self._catalog.remember(_INTERRUPTED, None)

    def _check_replacement(self) -> None:
        last, header = self._last, self._header
        if last and header.number < last.number:
            raise BundleError(
                f"{self._bundle}: the newer export {last.number} is already imported; --replace goes back to"
                f" export {header.number}"
            )
        is_same_mirror = (
            last
            or (self._interrupted or "").startswith(header.mirror)
            or self._here in {EMPTY, header.state}
            or self._matching_export()
        )
        if not is_same_mirror:
            raise BundleError(
                f"{self._bundle}: the {self._catalog.files.count():,} files of this mirror do not come from"
                " the exported one; --replace deletes those that are not in the bundle"
            )

    def _matching_export(self) -> EarlierExport | None:
        """Return the last export with the state of this mirror."""
        return next((each for each in reversed(self._header.exports) if each.state == self._here), None)

    def _gap(self) -> BundleError:
        since = self._header.since or 0
        found = self._matching_export()
        start = f"{self._bundle}: starts after export {since}, but this mirror"
        if found is None and self._here != EMPTY:
            full = "Import a full bundle (`minimirror export --since all`)"
            if self._last:
                return GapError(f"{start} has changed since export {self._last.number} was imported. {full}")
            return GapError(f"{start} is not a copy of the exported one. {full} with --replace")
        at = found.number if found else 0
        missing = [each for each in self._header.exports if at < each.number <= since]
        if at >= since or not missing:
            return self._wrong_state()
        has, instead = (f"only has export {at}", f"export:{at}") if found else ("is empty", "all")
        them = "it" if len(missing) == 1 else "them"
        names = shorten(
            [f"export {each.number} ({printable(each.name)}, {format_time(each.made)})" for each in missing],
            _MAX_NAMES,
        )
        return GapError(
            f"{start} {has}. Missing: {', '.join(names)}. Import {them} first, or create a bundle with"
            f" `minimirror export --since {instead}`"
        )

    def _wrong_state(self) -> BundleError:
        return DamagedError(
            f"{self._bundle}: its manifest does not lead to the state that it names; the bundle was modified"
        )


def check_folder(
    folder: MirrorFolder, catalog: Catalog, arrivals: Arrivals, named: Collection[str], bundle: Path
) -> None:
    """Check that no local file is in the way, and that the bundle adds no files to a local project.

    :param named: the projects that the config names; these may have local files as well
    :param bundle: its first part
    :raises BundleError: it conflicts with a local file
    """
    conflicts = [row.filename for row in arrivals.carried() if _is_in_the_way(folder, arrivals, row)]
    if conflicts:
        raise BundleError(
            f"{bundle}: the folder has other files with these names, which minimirror did not place:"
            f" {', '.join(shorten(conflicts, _MAX_NAMES))}. Move them away; nothing was changed"
        )
    for filename in catalog.local_filenames(folder.filenames()):
        for project in projects_named(filename):
            if project not in named and arrivals.brings(project) and not arrivals.carries(filename):
                raise BundleError(
                    f"{bundle}: adds files of {project}, but the folder has a local file of that project:"
                    f" {printable(filename)}. Delete it if you do not need it, add {project} to `projects` in"
                    " the config here to have both, or exclude the project where you export; nothing was"
                    " changed"
                )


def _is_in_the_way(folder: MirrorFolder, arrivals: Arrivals, row: FileRow) -> bool:
    if not folder.occupied(row.filename):
        return False
    if arrivals.known(row.filename):
        # The bundle may replace it, unless it is no longer a regular file.
        return folder.size(row.filename) is None
    return not is_present(folder, row)


def is_present(folder: MirrorFolder, row: FileRow) -> bool:
    """Read a file in the folder, and return whether its size and digest match."""
    return folder.size(row.filename) == row.size and has_sha256(folder.path / row.filename, row.sha256)
