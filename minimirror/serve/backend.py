"""pypiserver's application, on the catalog instead of a walk over the folder.

It serves what installers do not request: the welcome page, the list of files, ``pip search``, the releases
of a project as JSON, old URLs. It never gets uploads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pypiserver import app_from_config, setup_routes_from_config
from pypiserver.backend import Backend, BackendProxy
from pypiserver.config import Config
from pypiserver.core import PkgFile

from minimirror.distributions import read_filename
from minimirror.serve.app import WSGI
from minimirror.serve.mirror import ServedMirror

__all__ = ["pypiserver_app"]


def pypiserver_app(mirror: ServedMirror) -> WSGI:
    """Make the WSGI application. It redirects to no other index and takes no uploads."""
    arguments = ["run", "--disable-fallback", "--hash-algo", "sha256", str(mirror.folder.path)]
    config = Config.from_args(arguments)
    config.backend = BackendProxy(_CatalogBackend(config, mirror))
    app = setup_routes_from_config(app_from_config(config), config)
    # Our own application handles the errors of the backend.
    app.catchall = False
    return app  # type: ignore[no-any-return]


class _CatalogBackend(Backend):  # type: ignore[misc]
    """The mirrored files from the catalog, and the local files from the last scan."""

    def __init__(self, config: Any, mirror: ServedMirror) -> None:
        super().__init__(config)
        self._folder, self._catalog, self._local, _ = mirror

    def get_all_packages(self) -> Iterator[PkgFile]:
        for row in self._catalog.all_files():
            yield self._package(row.project, row.version, row.filename, row.sha256)
        for project, filename in self._local.names():
            # Without a digest: a list of all files must not read them.
            yield self._package(project, read_filename(filename, project).version, filename, None)

    def find_project_packages(self, project: str) -> Iterator[PkgFile]:
        for row in self._catalog.files(project):
            yield self._package(project, row.version, row.filename, row.sha256)
        for entry in self._local.entries(project):
            yield self._package(project, entry.version, entry.filename, entry.sha256)

    def find_version(self, name: str, version: str) -> Iterable[PkgFile]:
        return (package for package in self.find_project_packages(name) if package.version == version)

    def package_count(self) -> int:
        return self._catalog.file_count() + len(self._local.names())

    def exists(self, filename: str) -> bool:
        return self._folder.size(filename) is not None

    def add_package(self, filename: str, stream: Any) -> None:
        raise NotImplementedError("pypiserver takes no uploads")

    def remove_package(self, pkg: PkgFile) -> None:
        raise NotImplementedError("pypiserver deletes no files")

    def _package(self, project: str, version: str, filename: str, sha256: str | None) -> PkgFile:
        root = str(self._folder.path)
        package = PkgFile(project, version, f"{root}/{filename}", root, filename)
        package.digest = sha256 and f"sha256={sha256}"
        return package

    def digest(self, pkg: PkgFile) -> str | None:
        return pkg.digest  # type: ignore[no-any-return]
