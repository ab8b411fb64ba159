"""pypiserver's application over the catalog, in place of its walk over the folder.

It answers what is not asked for by installers: the welcome page, the list of files, ``pip search``, a
project's releases as JSON, old addresses. Uploads do not reach it.
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
from minimirror.serve.holdings import Holdings

__all__ = ["pypiserver_app"]


def pypiserver_app(holdings: Holdings) -> WSGI:
    """Make the WSGI application; it sends nobody to another index, and takes no upload."""
    arguments = ["run", "--disable-fallback", "--hash-algo", "sha256", str(holdings.repository.path)]
    config = Config.from_args(arguments)
    config.backend = BackendProxy(_CatalogBackend(config, holdings))
    app = setup_routes_from_config(app_from_config(config), config)
    # What a backend raises is told by whoever called the application.
    app.catchall = False
    return app  # type: ignore[no-any-return]


class _CatalogBackend(Backend):  # type: ignore[misc]
    """The files that are known, from the catalog and the last look at the folder."""

    def __init__(self, config: Any, holdings: Holdings) -> None:
        super().__init__(config)
        self._repository, self._catalog, self._own, _ = holdings

    def get_all_packages(self) -> Iterator[PkgFile]:
        for row in self._catalog.all_files():
            yield self._package(row.project, row.version, row.filename, row.sha256)
        for project, filename in self._own.names():
            yield self._own_package(project, filename)

    def find_project_packages(self, project: str) -> Iterator[PkgFile]:
        for row in self._catalog.files(project):
            yield self._package(project, row.version, row.filename, row.sha256)
        for entry in self._own.of(project):
            yield self._package(project, entry.version, entry.filename, entry.sha256)

    def find_version(self, name: str, version: str) -> Iterable[PkgFile]:
        return (package for package in self.find_project_packages(name) if package.version == version)

    def package_count(self) -> int:
        return self._catalog.file_count() + len(self._own.names())

    def exists(self, filename: str) -> bool:
        return self._repository.size(filename) is not None

    def add_package(self, filename: str, stream: Any) -> None:
        raise NotImplementedError("uploads are not pypiserver's")

    def remove_package(self, pkg: PkgFile) -> None:
        raise NotImplementedError("nothing is removed")

    def _own_package(self, project: str, filename: str) -> PkgFile:
        return self._package(project, read_filename(filename, project).version, filename, None)

    def _package(self, project: str, version: str, filename: str, sha256: str | None) -> PkgFile:
        root = str(self._repository.path)
        package = PkgFile(project, version, f"{root}/{filename}", root, filename)
        package.digest = sha256 and f"sha256={sha256}"
        return package

    def digest(self, pkg: PkgFile) -> str | None:
        # What is not known is not read for this.
        return pkg.digest  # type: ignore[no-any-return]
