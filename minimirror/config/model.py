"""The keys of the config: their types, meanings, examples and defaults.

``docs/config.md`` and the JSON Schema are generated from this file: it is the one place that documents a key.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError, to_jsonable_python

from minimirror.common import mask_credentials
from minimirror.config.indexes import Indexes
from minimirror.config.numbers import (
    Age,
    AtLeastOne,
    Count,
    Date,
    Rate,
    Releases,
    Retries,
    Seconds,
    Share,
    Size,
)
from minimirror.config.serving import ServeSettings
from minimirror.config.targets import TargetObject
from minimirror.config.text import (
    Closure,
    Extension,
    FilePath,
    FilePattern,
    FolderPath,
    KnownType,
    PlatformTag,
    Project,
    ProjectPattern,
    ProjectStatus,
    PythonTag,
    RepositoryPath,
    RequirementSource,
    Some,
    Unique,
    Vulnerable,
)
from minimirror.config.urls import IndexUrl, Scheduler, default_index_url

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from minimirror.config.keys import ConfigKeys

__all__ = ["DEFAULTS", "NOTHING_SELECTED", "Config", "ConfigSource", "default_processes"]

NOTHING_SELECTED = "nothing_selected"
"""The type of the error that ``projects`` is an empty list."""

# Of the whole run, unless configured: polite to the index.
_MOST_PROCESSES = 4
_MOST_CONNECTIONS = 32
_STREAMS = 100


def default_processes() -> int:
    """Return how many CPUs this process may use, at most 4, which fill any network."""
    known = hasattr(os, "sched_getaffinity")
    usable = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return min(usable, _MOST_PROCESSES)


def _default_processes(data: dict[str, Any]) -> int:
    return _MOST_PROCESSES if data.get("workers") else default_processes()


def _default_connections(data: dict[str, Any]) -> int:
    # "processes" is absent if it is invalid, which is an error of its own.
    processes: int = data.get("processes", 1)
    return max(1, _MOST_CONNECTIONS // processes)


DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "repository": "required",
        "workers": "none: this machine",
        "processes": "one per usable CPU, at most 4; with `workers`, 4",
        "connections": "32, divided among the processes; with HTTP/2, 100 transfers on one connection",
        "index_url": "PyPI",
        **dict.fromkeys(("package_types", "extensions", "python_versions", "platforms"), "all"),
        "projects": "all; with `requirements`, only what they need",
        "project_status": "all but quarantined",
        **dict.fromkeys(("min_age", "uploaded_before", "max_file_size", "max_project_size"), "none"),
        "serve": "port 8080 of this machine only",
        **dict.fromkeys(("client_cert", "allowed_signers"), "none"),
        "state": "a folder in `~/.local/state/minimirror`",
    }
)
"""Defaults that need an explanation, by key; the others are shown as values."""


@dataclass(frozen=True)
class ConfigSource:
    """The file that a config was read from. It does not count when configs are compared."""

    path: str | None = field(default=None, compare=False)
    """Absolute; None for a config that was made in Python."""

    sha256: str = field(default="", compare=False)
    """Of the file's text."""

    def continues(self, last: "ConfigSource") -> bool:
        """Return whether this is the same config: edited in its place, or moved as it was."""
        moved = self.sha256 == last.sha256 and last.path is not None and not Path(last.path).exists()
        return self.path == last.path or moved


class Config(BaseModel):
    """The settings in ``~/.minirepo``: what to mirror, from which index, into which folder.

    ``Config(repository="packages", projects=["requests"])`` takes the keys of the file as people write them;
    :func:`load` reads a file. The attributes are what they mean: ``max_delete="10%"`` is 0.1, and
    ``min_age="7 days"`` is 604800.0, in seconds.

    :raises ConfigError: if a key is unknown or a value is invalid, with all errors
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    _source: ConfigSource = PrivateAttr(default_factory=ConfigSource)

    repository: RepositoryPath = Field(examples=["~/minirepo", "packages", "s3://bucket/prefix"])
    """The folder to fill. A relative path starts at the config file's folder; `~` is your home.

    Or a bucket of an object store: `s3://…`, `gs://…` or `az://…`. [Object store](object-store.md) says where
    minimirror finds its credentials.
    """

    state: FolderPath | None = Field(None, examples=["~/.local/state/minimirror/lab"])
    """The local folder for the catalog and unfinished transfers, if `repository` is a bucket.

    It has no effect on a folder. By default, it is in your state folder (`~/.local/state/minimirror`), and
    named after the bucket.
    """

    workers: Scheduler | None = Field(None, examples=["tcp://scheduler.example.org:8786"])
    """Where the worker processes run: the address of a Dask scheduler, whose cluster then runs them. All its
    machines must have the folder at the same path. See [cluster.md](cluster.md)."""

    processes: Count = Field(default_factory=_default_processes, examples=[2])
    """The number of worker processes, from 1 to 512: on this machine, or on the whole cluster."""

    connections: Count = Field(default_factory=_default_connections, examples=[16])
    """How many transfers each process runs at once, from 1 to 512. With HTTP/1.1, each needs a connection of
    its own."""

    index_url: IndexUrl = Field(
        default_factory=default_index_url, examples=["https://index.example.org/simple/"]
    )
    """The URL of the index's simple API. It may hold credentials: `https://user:password@host/…`."""

    indexes: Indexes = Field(
        (),
        examples=[
            [
                {
                    "name": "pytorch",
                    "url": "https://wheels.example.org/whl/cpu/",
                    "projects": ["torch", "torchvision", "re:nvidia-.*"],
                }
            ]
        ],
    )
    """Additional indexes, each for certain projects. A project comes from the first index whose `projects`
    match its name, otherwise from `index_url`, never from both. This key does not select projects to mirror;
    `projects` and `requirements` do. Each index has a `name`, a `url` and `projects` (names, globs, `re:…`).
    Add `"kind": "find-links"` if the URL is a single page of links to files."""

    client_cert: FilePath | None = Field(None, examples=["~/.config/minimirror/client.pem"])
    """The client certificate for the hosts of `index_url` and `indexes`: a PEM file with the certificate and
    its key, as for pip's `--client-cert`."""

    package_types: Some[KnownType] = Field(None, examples=[["bdist_wheel", "sdist"], ["bdist_wheel"]])
    """Keep only files of these types: `sdist`, `bdist_wheel`, `bdist_egg`, `bdist_wininst`, `bdist_msi`,
    `bdist_rpm`, `bdist_dumb`, `bdist_dmg`."""

    extensions: Some[Extension] = Field(None, examples=[["whl", "gz", "zip"]])
    """Keep only files with these extensions. Only the last one counts: `gz` covers `.tar.gz`."""

    python_versions: Some[PythonTag] = Field(None, examples=[["py3", "cp312", "source"]])
    """Keep only files with these Python tags: `cp312`, or `py3`, which also keeps `py2.py3` wheels. `source`
    means sdists; `any` and versions such as `2.7` mean older formats. `cp312` also keeps the `abi3` wheels of
    older CPythons; `cp313t` keeps only free-threaded wheels."""

    platforms: Some[PlatformTag] = Field(None, examples=[["any", "linux"]])
    """Keep only files with these platform tags (`win_amd64`) or families of tags (`linux`, `macosx`, `win`).
    `any` means pure wheels. Files without a platform, such as sdists, are always kept."""

    projects: Unique[Project] | None = Field(
        None, examples=[["requests", "django-*", "numpy>=2,<3"], ["re:pytest(-.*)?"]]
    )
    """Mirror only these projects: names, globs, requirements such as `numpy>=2,<3`, and regular expressions
    (`re:…`, which must match the whole normalized name). The list may be empty if `serve` has `on_demand`:
    then the mirror holds only what clients ask for."""

    exclude_projects: Unique[ProjectPattern] = Field(
        (), examples=[["*-nightly", "tf-nightly-gpu", "re:.*-(alpha|beta)"]]
    )
    """Never mirror projects that match these names, globs or regular expressions, even if `projects` lists
    them."""

    ignore: Unique[ProjectPattern] = Field((), examples=[["my-app", "acme-*"]])
    """Projects that your targets get in another way, from a folder, a URL or version control: names, globs
    and regular expressions. They are never mirrored, dependencies are resolved without them, and no note says
    that `requirements` name them."""

    releases: Releases = Field(1, examples=[3, "all"])
    """How many of each project's newest releases to keep, at least 1, or `"all"`. Releases without a file
    that passes the other rules do not count."""

    prereleases: StrictBool = Field(default=False, examples=[True])
    """Keep pre-releases too. Otherwise they are kept only if no other release has an acceptable file (for a
    target), or if a requirement names one (`foo>=2.0b1`)."""

    yanked: StrictBool = Field(default=False, examples=[True])
    """Also keep files that their authors yanked (PEP 592)."""

    min_releases: AtLeastOne = Field(1, examples=[2])
    """Skip projects with fewer releases on the index. This guards against names that were registered only
    recently."""

    project_status: Some[ProjectStatus] = Field(None, examples=[["active", "deprecated"]])
    """Mirror only projects with these statuses (PEP 792): `active`, `archived`, `deprecated`,
    `quarantined`."""

    vulnerable: Vulnerable = Field("include", examples=["exclude"])
    """Set this to `"exclude"` to skip releases with known vulnerabilities. The index must have a JSON API
    that reports them, as PyPI does."""

    min_age: Age | None = Field(None, examples=["7 days", "12 hours", 3600])
    """Ignore uploads younger than this, in `s`, `minutes`, `hours`, `days` or `weeks`. A plain number is
    seconds."""

    min_age_exempt: Unique[ProjectPattern] = Field((), examples=[["requests", "acme-*", "re:acme-(web|db)"]])
    """Names, globs and regular expressions of projects that `min_age` does not apply to."""

    uploaded_before: Date | None = Field(None, examples=["2026-01-31", "2026-01-31T18:00+01:00"])
    """Download only files that were uploaded before this date or time. Times without a time zone are UTC."""

    max_file_size: Size | None = Field(None, examples=["500 MB", "1 GiB", 1000000])
    """Skip larger files. Units: `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`."""

    max_project_size: Size | None = Field(None, examples=["2 GB"])
    """Keep only the newest releases of each project that fit in this size."""

    exclude_files: Unique[FilePattern] = Field((), examples=[["*.exe", "re:.*-win32[.-].*"]])
    """Never mirror files whose names match these globs or regular expressions (`re:…`, which must match the
    whole filename)."""

    targets: Unique[TargetObject] = Field(
        (),
        examples=[
            [
                {"python": "3.12", "platform": "manylinux_2_28_x86_64"},
                {"python": "3.13.1", "platform": "win_amd64", "implementation": "cp", "abi": "cp313t"},
            ]
        ],
    )
    """Keep only files that install in one of these environments, and count `releases` for each of them.
    `python` is a version (`3.12` means 3.12.0), and `platform` the newest platform tag that the environment
    accepts. `implementation` (default `cp`) and `abi` are optional, but a free-threaded Python needs `abi`.
    `minimirror target` prints the current environment."""

    requirements: Unique[RequirementSource] = Field(
        (),
        examples=[
            ["requirements.txt", "groups/*.in", "pyproject.toml[test]", "pyproject.toml:dev", "uv.lock"]
        ],
    )
    """Mirror everything that these files need on each of the `targets`, including dependencies: paths and
    globs of requirement files, `pyproject.toml` and `uv.lock` (with extras in brackets, or a dependency group
    after a colon), `pylock.toml`, and scripts (PEP 723). A relative path starts at the config file's folder.
    Without `projects`, nothing else is mirrored."""

    dependencies: StrictBool = Field(default=False, examples=[True])
    """Also mirror the dependencies of `projects`, as each of the `targets` needs them."""

    closure: Closure = Field("resolved", examples=["releases"])
    """Which releases of a dependency to mirror: `"resolved"` keeps those that were resolved for the targets,
    `"releases"` also its newest ones, as many as `releases` says."""

    build: StrictBool = Field(default=False, examples=[True])
    """Build a project that has no wheel to find its dependencies, and mirror what the build requires.
    Building runs the project's code."""

    connect_timeout: Seconds = Field(10.0, examples=["10 s", 10])
    """How long to wait for a connection, in `s`, `minutes`, `hours` or `days`. A plain number is seconds."""

    read_timeout: Seconds = Field(30.0, examples=["1 minute"])
    """How long to wait for the next bytes of a response."""

    min_rate: Rate = Field(1000.0, examples=["5 kB/s", 5000, 0])
    """Give up a response that stays slower than this for `read_timeout`. A plain number is bytes per second;
    0 turns this off."""

    file_timeout: Seconds = Field(7200.0, examples=["1 hour"])
    """Maximum total time for a page or a file, including retries."""

    retries: Retries = Field(4, examples=[4, 0])
    """How often to retry a request after a temporary failure, from 0 to 100."""

    max_delete: Share = Field(0.1, examples=["10%", 0.5])
    """The largest share of the mirrored files that a run may delete because the index no longer offers them.
    If more files are gone, and more than three, the run deletes none of them. 0 never deletes any."""

    allowed_signers: FilePath | None = Field(None, examples=["~/.ssh/allowed_signers"])
    """Import only bundles that one of the signers in this file has signed. Its format is that of
    `ssh-keygen`."""

    simple: StrictBool = Field(default=False, examples=[True])
    """Write a static index, `simple/`, next to the files, for a plain web server. An existing index is always
    kept up to date; `minimirror index --remove` removes it."""

    serve: ServeSettings = Field(
        default_factory=ServeSettings,
        validate_default=True,
        examples=[{"host": "0.0.0.0", "port": 8000, "htpasswd": "uploaders.htpasswd"}],  # noqa: S104
    )
    """How `minimirror serve` offers the mirror, an object with any of these keys. `host` and `port`: the
    address to listen on. `htpasswd`: a file with the users who may upload. `certificate` and `key`: PEM files
    to serve https. `trusted_proxies`: addresses and networks of the proxies whose `X-Forwarded-For`,
    `-Proto`, `-Host` and `-Prefix` count. `contact`: whom to ask. `on_demand`: whether to get
    projects that are not here from the index when clients ask for them; `on_demand_fresh`: how long its page
    of such a project counts as current ("30 minutes"); `on_demand_keep`: how long a file that came so is kept
    after its last use ("90 days"; always, if 0). `redirect`: whether to send clients to
    the store for the files of a bucket. Options of the command win over it."""

    def __init__(self, /, **keys: "Unpack[ConfigKeys]") -> None:
        """Check the keys. A relative path starts at the current directory."""
        try:
            self.__pydantic_validator__.validate_python(keys, self_instance=self)
        except ValidationError as error:
            from minimirror.config.errors import ConfigError, problems  # noqa: PLC0415 - it needs this class

            raise ConfigError(None, problems(error)) from None

    @classmethod
    def checked(cls, values: Mapping[str, object], context: Mapping[str, object]) -> "Self":
        """Return the config of a file's values.

        :param context: where its relative paths start
        :raises pydantic.ValidationError: if a value is invalid
        """
        config = cls.__new__(cls)
        cls.__pydantic_validator__.validate_python(values, self_instance=config, context=context)
        return config

    @field_validator("requirements", "dependencies")
    @classmethod
    def _needs_other_keys(cls, value: object, info: ValidationInfo) -> object:
        """Require the keys without which this one has no effect.

        An invalid key has its own error and is not in the data.
        """
        if value and info.data.get("targets", True) == ():
            raise ValueError(
                'needs "targets", the environments to resolve for; `minimirror target` prints the current one'
            )
        if value is True and info.data.get("projects", True) is None:
            raise ValueError('needs "projects" (the dependencies of "requirements" are always mirrored)')
        return value

    @field_validator("serve")
    @classmethod
    def _selects_something(cls, value: ServeSettings, info: ValidationInfo) -> ServeSettings:
        if info.data.get("projects") == () and not value.on_demand:
            raise PydanticCustomError(NOTHING_SELECTED, "nothing is selected")
        return value

    @property
    def source(self) -> ConfigSource:
        """The file that it was read from."""
        return self._source

    @property
    def streams(self) -> int:
        """How many transfers a process has under way with HTTP/2."""
        if "connections" in self.model_fields_set:
            return self.connections
        return max(1, min(_STREAMS, _MOST_PROCESSES * _STREAMS // self.processes))

    def shown(self, *, numbers: bool = False, secrets: bool = False) -> dict[str, Any]:
        """Return every key with its value as people write it in JSON; a config with these equals this one.

        :param numbers: return sizes in bytes, durations in seconds and shares of 1, as programs want them
        :param secrets: return URLs with their passwords, which are masked otherwise
        """
        mode = "python" if numbers else "json"
        shown: dict[str, Any] = to_jsonable_python(
            {**self.model_dump(mode=mode), "serve": self.serve.model_dump(mode=mode, exclude_defaults=True)}
        )
        for each in () if secrets else (shown, *shown["indexes"]):
            key = "index_url" if each is shown else "url"
            each[key] = mask_credentials(each[key])
        return shown

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Keep passwords out of pydantic's ``repr()`` and ``str()``."""
        yield from self.shown().items()
