"""The config's model: which keys there are, what they mean, and what holds where they are left out."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
)
from pydantic.config import JsonDict

from minimirror.common import mask_credentials
from minimirror.config.values.address import IndexUrl
from minimirror.config.values.amounts import Age, Date, Size
from minimirror.config.values.defaults import default_connections, default_index_url, default_processes
from minimirror.config.values.names import FilePattern, Project, ProjectPattern
from minimirror.config.values.numbers import AtLeastOne, Count, Rate, Releases, Retries, Seconds, Share
from minimirror.config.values.paths import File, Folder, RequirementSource
from minimirror.config.values.targets import TargetObject
from minimirror.config.values.words import (
    Closure,
    Extension,
    KnownType,
    Status,
    Vulnerable,
    Word,
    unique,
    unique_some,
)

__all__ = ["Config"]

_SOME: JsonDict = {"minItems": 1}


class Config(BaseModel):
    """What minimirror mirrors, from where and into which folder: the keys of ``~/.minirepo``.

    ``Config(repository="packages")`` makes one in Python, :func:`load` reads one from its file.

    :raises pydantic.ValidationError: if a value is not what its key may hold; the message shows no value
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    repository: Folder = Field(examples=["~/minirepo", "packages"])
    """The flat folder to fill; a relative path starts at the config file's folder, `~` is your home."""

    processes: Count = Field(default_factory=default_processes, examples=[2])
    """How many worker processes, from 1 to 512; left out: the CPUs that may be used, at most 32."""

    connections: Count = Field(default_factory=default_connections, examples=[16])
    """How many connections each process keeps open, from 1 to 512; left out: 32 shared by the processes."""

    index_url: IndexUrl = Field(
        default_factory=default_index_url, examples=["https://index.example.org/simple/"]
    )
    """The simple API of the index to mirror, `https://user:password@host/…` included; left out: PyPI."""

    package_types: Annotated[tuple[KnownType, ...] | None, AfterValidator(unique_some)] = Field(
        None, json_schema_extra=_SOME, examples=[["bdist_wheel", "sdist"], ["bdist_wheel"]]
    )
    """Keep only files of these types, in the index's own names; left out: all."""

    extensions: Annotated[tuple[Extension, ...] | None, AfterValidator(unique_some)] = Field(
        None, json_schema_extra=_SOME, examples=[["whl", "gz", "zip"]]
    )
    """Keep only files with these last extensions (`gz` is that of `.tar.gz`); left out: all."""

    python_versions: Annotated[tuple[Word, ...] | None, AfterValidator(unique_some)] = Field(
        None, json_schema_extra=_SOME, examples=[["py3", "cp312", "source"]]
    )
    """Keep only files with these python tags: whole (`py2.py3`, `source`), or part of a wheel's (`py3`);
    left out: all."""

    platforms: Annotated[tuple[Word, ...] | None, AfterValidator(unique_some)] = Field(
        None, json_schema_extra=_SOME, examples=[["any", "linux"]]
    )
    """Of wheels, keep only those with these platform tags (`win_amd64`; `any` is that of pure wheels) or
    families of them (`linux`, `macosx`, `win`); left out: all."""

    projects: Annotated[tuple[Project, ...] | None, AfterValidator(unique_some)] = Field(
        None, json_schema_extra=_SOME, examples=[["requests", "django-*", "numpy>=2,<3"], ["re:pytest(-.*)?"]]
    )
    """Mirror only these names, globs, requirements and regular expressions (`re:…`, which match a whole
    normalized name); left out: the whole index, or only what `requirements` need."""

    exclude_projects: Annotated[tuple[ProjectPattern, ...], AfterValidator(unique)] = Field(
        (), examples=[["*-nightly", "tf-nightly-gpu", "re:.*-(alpha|beta)"]]
    )
    """Never mirror these names, globs and regular expressions, whatever `projects` says; left out: none."""

    releases: Releases = Field(1, examples=[3, "all"])
    """How many of a project's newest releases to keep, at least 1, or `"all"`; left out: 1."""

    prereleases: StrictBool = Field(default=False, examples=[True])
    """Keep pre-releases too; left out: only those of a project that has nothing else."""

    yanked: StrictBool = Field(default=False, examples=[True])
    """Keep files that their authors withdrew (PEP 592) too; left out: no."""

    min_releases: AtLeastOne = Field(1, examples=[2])
    """Of a project with fewer releases on the index, mirror nothing, as a guard against names taken a moment
    ago; left out: 1."""

    project_status: Annotated[tuple[Status, ...] | None, AfterValidator(unique_some)] = Field(
        None, json_schema_extra=_SOME, examples=[["active", "deprecated"]]
    )
    """Mirror only projects in these states (PEP 792): `active`, `archived`, `deprecated`, `quarantined`; left
    out: all but quarantined."""

    vulnerable: Vulnerable = Field("include", examples=["exclude"])
    """`"exclude"` leaves out releases with known vulnerabilities, which the index's JSON API has to tell;
    left out: `"include"`."""

    min_age: Age | None = Field(None, examples=["7 days", "12 hours", 3600])
    """Hold back what was uploaded less long ago than these seconds, minutes, hours, days or weeks; left out:
    hold back nothing."""

    min_age_exempt: Annotated[tuple[ProjectPattern, ...], AfterValidator(unique)] = Field(
        (), examples=[["requests", "acme-*", "re:acme-(web|db)"]]
    )
    """Do not hold back these names, globs and regular expressions of projects; left out: none."""

    uploaded_before: Date | None = Field(None, examples=["2026-01-31", "2026-01-31T18:00+01:00"])
    """Keep only files that were uploaded before this day begins, or before this time; where no time zone is
    told, it is UTC; left out: whenever."""

    max_file_size: Size | None = Field(None, examples=["500 MB", "1 GiB", 1000000])
    """Keep only files of at most this size, a number of B, kB, MB, GB, TB or KiB, MiB, GiB, TiB; left out: of
    any."""

    max_project_size: Size | None = Field(None, examples=["2 GB"])
    """Of a project, keep only as many of the newest releases as fit into this size; left out: no limit."""

    exclude_files: Annotated[tuple[FilePattern, ...], AfterValidator(unique)] = Field(
        (), examples=[["*.exe", "re:.*-win32[.-].*"]]
    )
    """Never keep files with these names, globs and regular expressions (`re:…`, which match a whole
    filename); left out: none."""

    targets: Annotated[tuple[TargetObject, ...], AfterValidator(unique)] = Field(
        (),
        examples=[
            [
                {"python": "3.12", "platform": "manylinux_2_28_x86_64"},
                {"python": "3.13.1", "platform": "win_amd64", "implementation": "cp", "abi": "cp313t"},
            ]
        ],
    )
    """Keep only wheels and sdists that install on one of these machines, and count `releases` for each; left
    out: on any. `minimirror target` prints the machine that it runs on."""

    requirements: Annotated[tuple[RequirementSource, ...], AfterValidator(unique)] = Field(
        (),
        examples=[
            ["requirements.txt", "groups/*.in", "pyproject.toml[test]", "pyproject.toml:dev", "uv.lock"]
        ],
    )
    """Mirror all that these files need on each of the `targets`, dependencies included: paths and globs of
    requirement files, `pyproject.toml` (with extras in brackets, or a dependency group behind a colon),
    `pylock.toml` and `uv.lock`; a relative path starts at the config file's folder. Without `projects`,
    nothing else is mirrored. Left out: none."""

    dependencies: StrictBool = Field(default=False, examples=[True])
    """Mirror the dependencies of `projects` too, as each of the `targets` needs them; left out: no."""

    closure: Closure = Field("resolved", examples=["releases"])
    """Of what is needed as a dependency, mirror the one release that was resolved for each target, or with
    `"releases"` as many as `releases` says; left out: `"resolved"`."""

    build: StrictBool = Field(default=False, examples=[True])
    """Allow building what has no wheel to learn its dependencies, and mirror what building it requires; left
    out: no."""

    connect_timeout: Seconds = Field(10.0, examples=[10])
    """Seconds to wait for a connection; left out: 10."""

    read_timeout: Seconds = Field(30.0, examples=[60])
    """Seconds to wait for the next bytes of an answer; left out: 30."""

    min_rate: Rate = Field(1000.0, examples=[5000, 0])
    """Bytes a second: an answer that has been slower for `read_timeout` is given up; left out: 1000; 0: none
    is too slow."""

    file_timeout: Seconds = Field(7200.0, examples=[3600])
    """Seconds that a page or a file may take in all, its retries included; left out: 7200."""

    retries: Retries = Field(4, examples=[4, 0])
    """How many times a request that failed for a passing reason is tried again, up to 100; left out: 4."""

    max_delete: Share = Field(0.1, examples=["10%", 0.5])
    """The share of the mirrored files that one run may remove because the index does not list them any more;
    if it were more, none is removed; left out: 10%."""

    allowed_signers: File | None = Field(None, examples=["~/.ssh/allowed_signers"])
    """`minimirror import` takes only bundles that are signed by one of the signers whom this file lists, in
    the format of `ssh-keygen`; left out: signed or not."""

    simple: StrictBool = Field(default=False, examples=[True])
    """Write a static index, `simple/`, beside the files, for a plain web server; left out: no, but one that
    is there is kept true. `minimirror index --remove` removes it."""

    @field_validator("requirements", "dependencies")
    @classmethod
    def _needs_other_keys(cls, value: object, info: ValidationInfo) -> object:
        """Raise ValueError where a key is left out without which this one is of no use.

        A key that is wrong has a mistake of its own, and is not among the data.
        """
        if value and info.data.get("targets", True) == ():
            raise ValueError(
                'needs "targets": say for which machines: `minimirror target` prints this machine\'s'
            )
        if value is True and info.data.get("projects", True) is None:
            raise ValueError('needs "projects": say whose dependencies (those of "requirements" come anyhow)')
        return value

    def shown(self) -> dict[str, object]:
        """Return every key's value as JSON has it and people write it, a password in the URL masked.

        In the order of the keys. But for the password, a config with these values is equal to this one.
        """
        return {**self.model_dump(mode="json"), "index_url": mask_credentials(self.index_url)}

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Give pydantic's ``repr()`` and ``str()`` what may be shown."""
        yield from self.shown().items()
