"""Keys of the config: the rules that select projects, releases and files."""

from pydantic import Field, StrictBool

from minimirror.config.numbers import Age, AtLeastOne, Date, Releases, Size
from minimirror.config.patterns import FilePattern, Project, ProjectPattern
from minimirror.config.source_keys import Keys
from minimirror.config.words import (
    Extension,
    PlatformTag,
    ProjectStatus,
    PythonTag,
    Some,
    Unique,
    Vulnerable,
)
from minimirror.distributions import PackageType

__all__ = ["RuleKeys"]


class RuleKeys(Keys):
    """The rules that select projects, releases and files."""

    package_types: Some[PackageType] | None = Field(
        None, examples=[["bdist_wheel", "sdist"], ["bdist_wheel"]]
    )
    """Keep only files of these types: `sdist`, `bdist_wheel`, `bdist_egg`, `bdist_wininst`, `bdist_msi`,
    `bdist_rpm`, `bdist_dumb`, `bdist_dmg`."""

    extensions: Some[Extension] | None = Field(None, examples=[["whl", "gz", "zip"]])
    """Keep only files with these extensions. Only the last one counts: `gz` covers `.tar.gz`."""

    python_versions: Some[PythonTag] | None = Field(None, examples=[["py3", "cp312", "source"]])
    """Keep only files with these Python tags, such as `cp312`. `py3` also keeps `py2.py3` wheels, and `cp312`
    also keeps the `abi3` wheels of older CPythons. `cp313t` keeps only free-threaded wheels. `source` means
    sdists; `any` and versions such as `2.7` mean older formats."""

    platforms: Some[PlatformTag] | None = Field(None, examples=[["any", "linux"]])
    """Keep only files with these platform tags (`win_amd64`) or families of tags (`linux`, `macosx`, `win`).
    `any` means pure Python wheels. Files without a platform, such as sdists, are always kept."""

    projects: Unique[Project] | None = Field(
        None, examples=[["requests", "django-*", "numpy>=2,<3"], ["re:pytest(-.*)?"]]
    )
    """Mirror only these projects: names, globs, requirements such as `numpy>=2,<3`, and regular expressions
    (`re:…`, which must match the whole normalized name). If `serve` has `on_demand`, the list may be empty:
    then the mirror has only what clients ask for."""

    exclude_projects: Unique[ProjectPattern] = Field(
        (), examples=[["*-nightly", "tf-nightly-gpu", "re:.*-(alpha|beta)"]]
    )
    """Never mirror projects that match these names, globs or regular expressions, even if `projects` lists
    them."""

    ignore: Unique[ProjectPattern] = Field((), examples=[["my-app", "acme-*"]])
    """Projects that your targets get from elsewhere, such as a folder, a URL or version control: names, globs
    and regular expressions. They are never mirrored. Dependencies are resolved without them, and the summary
    does not mention them if `requirements` list them."""

    releases: Releases = Field(1, examples=[3, "all"])
    """How many of the newest releases of each project to keep: at least 1, or `"all"`. Releases without a
    file that passes the other rules do not count."""

    prereleases: StrictBool = Field(default=False, examples=[True])
    """Keep pre-releases, too. By default, they are kept only if no final release has an acceptable file (for
    a target), or if a requirement names one (`foo>=2.0b1`)."""

    yanked: StrictBool = Field(default=False, examples=[True])
    """Also keep files that their authors yanked (PEP 592)."""

    min_releases: AtLeastOne = Field(1, examples=[2])
    """Skip projects with fewer releases on the index. This guards against names that were registered only
    recently."""

    project_status: Some[ProjectStatus] | None = Field(None, examples=[["active", "deprecated"]])
    """Mirror only projects with these statuses (PEP 792): `active`, `archived`, `deprecated`,
    `quarantined`."""

    vulnerable: Vulnerable = Field("include", examples=["exclude", "report"])
    """`"exclude"` skips releases with known vulnerabilities. `"report"` mirrors them, and `minimirror report`
    lists them. The index needs a JSON API that reports vulnerabilities, as PyPI has. A run asks it once a day
    about each mirrored release."""

    min_age: Age | None = Field(None, examples=["7 days", "12 hours", 3600])
    """Ignore files uploaded more recently than this, in `s`, `minutes`, `hours`, `days` or `weeks`. A plain
    number is seconds."""

    min_age_exempt: Unique[ProjectPattern] = Field((), examples=[["requests", "acme-*", "re:acme-(web|db)"]])
    """Projects to which `min_age` does not apply: names, globs and regular expressions."""

    uploaded_before: Date | None = Field(None, examples=["2026-01-31", "2026-01-31T18:00+01:00"])
    """Download only files that were uploaded before this date or time. Times without a time zone are UTC."""

    max_file_size: Size | None = Field(None, examples=["500 MB", "1 GiB", 1000000])
    """Skip files larger than this. Units: `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`."""

    max_project_size: Size | None = Field(None, examples=["2 GB"])
    """Keep only the newest releases of each project that fit in this size."""

    exclude_files: Unique[FilePattern] = Field((), examples=[["*.exe", "re:.*-win32[.-].*"]])
    """Never mirror files whose names match these globs or regular expressions (`re:…`, which must match the
    whole filename)."""
