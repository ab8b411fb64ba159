"""The config's model: which keys there are, what they mean, and what holds where they are left out."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from minimirror.config.values import (
    Count,
    Extension,
    Folder,
    IndexUrl,
    NameOrGlob,
    PackageType,
    Project,
    Rate,
    Releases,
    Retries,
    Seconds,
    Share,
    Word,
    default_connections,
    default_index_url,
    default_processes,
    unique,
    unique_some,
)
from minimirror.config.wording import mask_credentials

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

    package_types: Annotated[tuple[PackageType, ...] | None, AfterValidator(unique_some)] = Field(
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
        None, json_schema_extra=_SOME, examples=[["requests", "django-*", "numpy>=2,<3"]]
    )
    """Mirror only these names, globs and requirements; left out: the whole index."""

    exclude_projects: Annotated[tuple[NameOrGlob, ...], AfterValidator(unique)] = Field(
        (), examples=[["*-nightly", "tf-nightly-gpu"]]
    )
    """Never mirror these names and globs, whatever `projects` says; left out: none."""

    releases: Releases = Field(1, examples=[3, "all"])
    """How many of a project's newest releases to keep, at least 1, or `"all"`; left out: 1."""

    prereleases: StrictBool = Field(default=False, examples=[True])
    """Keep pre-releases too; left out: only those of a project that has nothing else."""

    yanked: StrictBool = Field(default=False, examples=[True])
    """Keep files that their authors withdrew (PEP 592) too; left out: no."""

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

    def shown(self) -> dict[str, object]:
        """Return every key's value as JSON has it, in the order of the keys, a password in the URL masked."""
        values = {key: getattr(self, key) for key in type(self).model_fields}
        lists = {key: list(value) for key, value in values.items() if isinstance(value, tuple)}
        texts = {"repository": str(self.repository), "index_url": mask_credentials(self.index_url)}
        return {**values, **lists, **texts}

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Give pydantic's ``repr()`` and ``str()`` what may be shown."""
        yield from self.shown().items()
