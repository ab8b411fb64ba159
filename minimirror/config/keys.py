"""The keyword arguments of ``Config``, for type checkers and editors: what each key may be written as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike
    from pathlib import Path

    from typing_extensions import Required

    from minimirror.distributions import PackageType, Target

__all__ = ["ConfigKeys"]

_Path: TypeAlias = "str | PathLike[str]"
_Texts: TypeAlias = "list[str] | tuple[str, ...]"  # a text is a Sequence[str], too
_Status: TypeAlias = Literal["active", "archived", "deprecated", "quarantined"]


class ConfigKeys(TypedDict, total=False):
    """Each key of :class:`Config`, with the types that it accepts; the model has its meaning."""

    repository: Required[_Path]
    state: _Path | None
    workers: str | None
    processes: int
    connections: int
    index_url: str
    indexes: Sequence[Mapping[str, Any]]
    client_cert: _Path | None
    package_types: list[PackageType] | tuple[PackageType, ...] | None
    extensions: _Texts | None
    python_versions: _Texts | None
    platforms: _Texts | None
    projects: _Texts | None
    exclude_projects: _Texts
    ignore: _Texts
    releases: int | Literal["all"]
    prereleases: bool
    yanked: bool
    min_releases: int
    project_status: list[_Status] | tuple[_Status, ...] | None
    vulnerable: Literal["include", "report", "exclude"]
    min_age: float | str | None
    min_age_exempt: _Texts
    uploaded_before: str | None
    max_file_size: int | str | None
    max_project_size: int | str | None
    exclude_files: _Texts
    targets: Sequence[Mapping[str, str] | Target]
    requirements: list[str] | list[Path] | list[_Path] | tuple[_Path, ...]
    dependencies: bool
    closure: Literal["resolved", "releases"]
    build: bool
    connect_timeout: float
    read_timeout: float
    min_rate: float
    file_timeout: float
    retries: int
    max_delete: float | str
    allowed_signers: _Path | None
    simple: bool
    serve: Mapping[str, Any]
