"""Whether a bundle may be taken in: by the state of this mirror, and by what else is in its folder."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone

from minimirror.bundle.errors import BundleError, DamagedError, GapError
from minimirror.bundle.manifest import Export, Header
from minimirror.common import Digests, printable
from minimirror.distributions import projects_named
from minimirror.storage import EMPTY, Arrivals, Catalog, FileRow, MirrorFolder, mirror_state

__all__ = ["Admission", "check_folder", "is_here"]

_SHOWN = 10
"""Names of a long list that are told."""

_PENDING = "importing"


class Admission:
    """A bundle at the door of a mirror."""

    def __init__(
        self, catalog: Catalog, arrivals: Arrivals, told: str, header: Header, manifest: str
    ) -> None:
        """Look at both.

        :param arrivals: what the bundle brings and takes away
        :param told: what the bundle is called in a message
        :param manifest: the digest of its manifest
        """
        self._catalog = catalog
        self._arrivals = arrivals
        self._told = told
        self._header = header
        self._mark = f"{header.mirror} {header.number} {manifest}"
        self._pending = catalog.recall(_PENDING)
        self._here = mirror_state(catalog.db)
        last = arrivals.last_import()
        self._last = last if last and last.mirror == header.mirror else None
        """The last import, if it was of the same mirror."""

    def why_not(self, *, all_there: bool, replace: bool) -> str | None:
        """Why there is nothing to do, in words; None where there is.

        :param all_there: whether each file that the bundle carries is here
        :param replace: whether this mirror may be brought back to what it was
        """
        if self._pending is not None:
            return None
        if self._here == self._header.state:
            return "it is here already" if all_there else None
        last, header = self._last, self._header
        if last and header.number <= last.number and self._here == last.state:
            wanted = replace and header.since is None
            return None if wanted else f"export {last.number}, which is here, is newer"
        return None

    def check(self, *, replace: bool) -> None:
        """Make sure that the bundle fits.

        :param replace: whether a full bundle may take the place of what is not of its mirror, or newer
        :raises GapError: it goes on from another state than this mirror's
        :raises BundleError: it does not fit for another reason
        """
        if self._header.since is None:
            if not replace and self._pending != self._mark:
                self._check_replaces_own()
        elif self._pending not in {None, self._mark}:
            number = (self._pending or "").split()[1]
            raise GapError(
                f"{self._told}: the import of export {number} did not come to its end: import that again"
            )
        if self._arrivals.state() != self._header.state:
            raise self._gap() if self._header.since else self._senseless()
        if self._arrivals.lacks():
            # Or a file of somebody's own would pass for one that minimirror placed.
            raise self._senseless()

    def begin(self) -> None:
        """Note that the import is under way, so that nothing else is taken in before it is done."""
        self._catalog.remember(_PENDING, self._mark)

    def end(self) -> None:
        """Note that it is done."""
        self._catalog.remember(_PENDING, None)

    def _check_replaces_own(self) -> None:
        last, header = self._last, self._header
        if last and header.number < last.number:
            raise BundleError(
                f"{self._told}: export {last.number}, which was imported here, is newer; --replace goes back"
                f" to export {header.number}"
            )
        is_own = (
            last or (self._pending or "").startswith(header.mirror) or self._here in {EMPTY, header.state}
        )
        if not is_own and not self._export_here():
            raise BundleError(
                f"{self._told}: the {self._catalog.files.count():,} files that minimirror has here are not of"
                " the mirror that the bundle is of; --replace removes those that the bundle does not have"
            )

    def _export_here(self) -> Export | None:
        """The export whose state this mirror is in."""
        fitting = [export for export in self._header.exports if export.state == self._here]
        return fitting[-1] if fitting else None

    def _gap(self) -> BundleError:
        since = self._header.since or 0
        found = self._export_here()
        at = found.number if found else 0
        begins = f"{self._told}: goes on from export {since}"
        if found is None and self._here != EMPTY:
            changed = (
                f"what export {self._last.number} brought was changed here since, by a run or otherwise"
                if self._last
                else "what is here is of no export of that mirror"
            )
            return GapError(
                f"{begins}, and {changed}. Import a full bundle, of `minimirror export --since all`"
            )
        missing = [export for export in self._header.exports if at < export.number <= since]
        if at >= since or not missing:
            return self._senseless()
        here = f"is at export {at}" if found else "is empty"
        instead = f"export:{at}" if found else "all"
        return GapError(
            f"{begins}, and this mirror {here}. Missing: {_names(missing)}. Import {_them(missing)} first, or"
            f" have a bundle made with `minimirror export --since {instead}`"
        )

    def _senseless(self) -> BundleError:
        return DamagedError(
            f"{self._told}: its manifest does not lead to the state that it promises: it was tampered with"
        )


def _them(missing: Collection[object]) -> str:
    return "it" if len(missing) == 1 else "them"


def _names(exports: list[Export]) -> str:
    told = [
        f"export {each.number} ({printable(each.name)} of {_day(each.made)})" for each in exports[:_SHOWN]
    ]
    more = len(exports) - len(told)
    return ", ".join([*told, f"and {more} more"] if more else told)


def _day(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "an unknown day"


def check_folder(
    repository: MirrorFolder, catalog: Catalog, arrivals: Arrivals, named: Collection[str], told: str
) -> None:
    """Make sure that nothing of somebody's own is in the way, and that no name of a private package is taken.

    :param named: the projects that the config names, which may be beside somebody's own files
    :param told: what the bundle is called in a message
    :raises BundleError: something is
    """
    in_the_way = [
        row.filename
        for row in arrivals.carried()
        if repository.occupied(row.filename)
        and (
            repository.size(row.filename) is None
            if arrivals.known(row.filename)
            else not is_here(repository, row)
        )
    ]
    if in_the_way:
        raise BundleError(
            f"{told}: the folder has something else of these names, which minimirror did not place:"
            f" {_listed(in_the_way)}. Move it away; nothing was changed"
        )
    for filename in catalog.local_filenames(repository.filenames()):
        for project in projects_named(filename):
            if project not in named and arrivals.brings(project) and not arrivals.carries(filename):
                raise BundleError(
                    f"{told}: brings files of {project}, and the folder has one of that project that is not"
                    f" minimirror's: {printable(filename)}. Delete it if it is a leftover, name {project} in"
                    " `projects` here to have both, or leave it out where the bundle is made; nothing was"
                    " changed"
                )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def is_here(repository: MirrorFolder, row: FileRow) -> bool:
    """Whether a file is in the folder, with the right bytes, read to the last."""
    if repository.size(row.filename) != row.size:
        return False
    digests = Digests({"sha256": row.sha256})
    try:
        with repository.path.joinpath(row.filename).open("rb", buffering=0) as stream:
            digests.read(stream)
    except OSError:
        return False
    return digests.mismatch() is None
