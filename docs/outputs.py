"""What each ``--json`` option prints, as models from which the files in ``schemas/`` are generated.

Keys stay; new ones may be added. ``tests/cli/test_schemas.py`` compares real outputs with the schemas.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = ["OUTPUTS", "output_schema"]


class _Object(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class _Result(_Object):
    version: Literal[1]
    """Raised if the meaning of a key ever changes."""


class Failure(_Object):
    """What could not be mirrored or uploaded."""

    project: str
    filename: str | None
    """Null if it concerns the whole project."""

    cause: str


class RunProjects(_Object):
    """Counts of projects."""

    wanted: int
    """Projects that the config selects."""

    read: int
    """Projects whose page was new or had changed."""

    removed: int
    """Projects whose files were deleted."""


class RunFiles(_Object):
    """Counts of files."""

    wanted: int
    """Files that the config selects."""

    fetched: int
    present: int
    """Files that were already mirrored."""

    adopted: int
    """Files that were already in the folder, but not in the catalog."""

    removed: int
    """Files that were deleted."""

    failed: int


class RunOutput(_Result):
    """The summary of `minimirror run --json`."""

    complete: bool
    """Whether the mirror is complete."""

    interrupted: bool
    """Whether Ctrl-C or SIGTERM ended the run."""

    projects: RunProjects
    files: RunFiles
    bytes_fetched: int
    seconds: float
    """The duration of the run."""

    workers_started: int
    """The number of worker processes."""

    refused: dict[str, int]
    """How many files each rule skipped, by config key, on the pages that were read."""

    failures: list[Failure]
    lost: dict[str, int]
    """How many files the index no longer offers, by cause: `unlisted`, or the rule that refuses them."""

    withheld: list[str]
    """These files, if they were kept because they exceed `max_delete`."""

    deselected: list[str]
    """Files that the config no longer selects, if they were kept because they are more than half."""

    unmatched: dict[str, int] | None
    """If no file matches the config: how many files each rule refused, by config key.
    A key with 0 leaves no project."""

    notes: list[str]


class PlanProjects(_Object):
    """Counts of projects."""

    wanted: int
    """Projects that the config selects."""

    changed: int
    """Projects whose page is new or has changed."""


class PlannedFile(_Object):
    """A file that a run would fetch or delete."""

    project: str
    filename: str
    size: int | None
    """Bytes; null if unknown."""

    package_type: str
    python_tag: str
    platforms: list[str]
    """Platform tags; empty for an sdist."""


class PlanOutput(_Result):
    """The plan of `minimirror plan --json` or `minimirror run --dry-run --json`."""

    projects: PlanProjects
    fetch: list[PlannedFile]
    remove: list[PlannedFile]
    """Files that a run would delete."""

    bytes_fetched: int
    """Bytes to fetch, without files of unknown size."""

    bytes_removed: int
    unknown_sizes: int
    """The number of files to fetch whose size is unknown."""

    bytes_free: int | None
    """Free bytes on the disk; null for a bucket."""

    fits: bool
    """Whether the files fit on the disk."""

    seconds: float | None
    """The expected duration, from previous runs; null if there are none."""

    refused: dict[str, int]
    """How many files each rule skipped, by config key, on the pages that were read."""

    withheld: list[str]
    """Files that the index no longer offers, if a run would keep them because of `max_delete`."""

    deselected: list[str]
    """Files that the config no longer selects, if a run would keep them because they are more than half."""

    unmatched: dict[str, int] | None
    """If no file matches the config: how many files each rule refused, by config key.
    A key with 0 leaves no project."""

    taken: list[str]
    """Files that only the config of the last run selects, if it is another one: a run refuses to start."""

    on_demand: list[str]
    """Files that were fetched on demand, and that a run keeps because clients use them."""

    failures: list[Failure]
    notes: list[str]


class Need(_Object):
    """A release that a target requires."""

    target: str
    version: str
    chains: list[list[str]]
    """What requires it: each list leads from a requirement file or project to this project."""


class ExplainedFile(_Object):
    """A file on the project's page."""

    filename: str
    release: str
    """Empty if the filename cannot be read."""

    size: int | None
    """Bytes; null if unknown."""

    wanted: bool
    """Whether the file is mirrored."""

    rule: str | None
    """The config key that skips the file, or `filename`, `private` or `unlisted`; null if it is mirrored."""

    reason: str

    here: Literal["mirrored", "missing", "truncated", "altered", "local"] | None
    """Whether the folder has the file; `truncated`: with a wrong size. Null if it does not and should not."""


class ExplainOutput(_Result):
    """The explanation of `minimirror explain --json`."""

    project: str
    """The normalized name."""

    index: str | None
    """The name of the project's index in `indexes`; null for `index_url`."""

    index_url: str
    """The URL of that index, without credentials."""

    wanted: bool
    """Whether the project is mirrored at all."""

    listed: bool
    """Whether its newest releases are mirrored, because of `projects` or `closure`."""

    status: str
    """The status of the project (PEP 792)."""

    private: list[str]
    """Local files in the folder that keep the project from being mirrored."""

    needed: list[Need]
    rules: list[str]
    """The rules in effect, in the order in which they are applied."""

    offline: bool
    """Whether the index could not be reached; if so, `files` come from the catalog."""

    files: list[ExplainedFile]
    notes: list[str]
    problems: list[str]


class VerifiedProjects(_Object):
    """Counts of projects."""

    wanted: int
    """Projects that the config selects."""

    unread: int
    """Projects that have changed since they were mirrored."""


class VerifyOutput(_Result):
    """The result of `minimirror verify --json`."""

    well: bool
    """Whether the mirror is complete and intact."""

    hashed: bool
    """Whether every byte was read."""

    files: int
    """Mirrored files."""

    bytes: int
    """Their size."""

    missing: list[str]
    truncated: list[str]
    """Files whose size is wrong."""

    altered: list[str]
    """Files whose digest is wrong, or that cannot be read."""

    unchecked: list[Failure]
    """Files that could not be read because a process of minimirror failed."""

    unknown: list[str]
    """Local files, which minimirror did not download. They are not errors."""

    pages: list[str]
    """Pages of the static index that are missing or outdated."""

    metadata: list[str]
    """Metadata files next to wheels that are missing or altered."""

    projects: VerifiedProjects
    wanted: list[Failure]
    """What the last run could not mirror."""

    on_demand: list[str]
    """Mirrored files that were fetched on demand."""

    seconds: float


class StatusRun(_Object):
    """A run, or the import of a bundle. Times are in seconds since the epoch."""

    started: float
    ended: float | None
    """Null if it is in progress, or was killed."""

    outcome: Literal["complete", "incomplete", "interrupted", "failed", "killed", "running"]
    error: str | None
    """What ended it early."""

    fetched: int
    """Files."""

    removed: int
    """Files that were deleted."""

    missing: int
    """What could not be mirrored."""

    bytes_fetched: int
    bundle: str | None
    """The name of the imported bundle; null for a run."""

    as_of: float
    """The time of the mirrored state of the index; for an import, that of the exporting mirror's run."""


class NextRun(_Object):
    """A run that a systemd timer will start."""

    start: float
    unit: str
    """The timer."""


class StatusProject(_Object):
    """A project that is mirrored."""

    project: str
    files: int
    bytes: int


class StatusTarget(_Object):
    """The files that a target can install."""

    target: str
    projects: int
    files: int
    bytes: int
    missing: int
    """How many entries of `missing` and `absent` affect it."""


class StatusOutput(_Result):
    """The result of `minimirror status --json`. Times are in seconds since the epoch."""

    repository: str
    """The folder, or the address of the bucket."""

    exists: bool
    """Whether the folder exists."""

    problem: str | None
    """Why the folder or the catalog cannot be read; if set, most other values are unknown."""

    running: str | None
    """The process of a run in progress."""

    outcome: Literal["complete", "incomplete", "interrupted", "failed", "killed", "running", "none"]
    """The outcome of the last run or import; `none` if there was none."""

    as_of: float | None
    """The time of the mirrored state of the index: that of the last complete run or import."""

    projects: VerifiedProjects
    files: int
    """Mirrored files."""

    bytes: int
    """Their size."""

    files_unfinished: int
    """Files whose transfers are in progress, or continue in the next run."""

    bytes_unfinished: int
    """What they have received so far."""

    bytes_free: int | None
    """Free bytes on the disk; null if unknown."""

    next_run: NextRun | None
    """Null if no timer is known."""

    runs: list[StatusRun]
    """The last 30, oldest first."""

    biggest: list[StatusProject]
    """The ten biggest projects."""

    targets: list[StatusTarget]
    """One for each entry of `targets`."""

    missing: list[Failure]
    """What the last finished run could not mirror."""

    absent: list[Failure]
    """Mirrored files that are no longer in the folder, or whose content is known to be wrong."""


class ReportShare(_Object):
    """Files that have something in common."""

    name: str
    files: int
    bytes: int


class ReportTarget(ReportShare):
    """The files that a target can install."""

    projects: int
    missing: int
    """How many entries of `missing` affect it."""


class ReportYear(ReportShare):
    """The releases whose last file was uploaded in a year (UTC), or `unknown`."""

    releases: int
    projects: int
    """Projects whose newest upload is in that year."""


class ReportRelease(ReportShare):
    """The files of a release, whose name is its version."""

    uploaded: float | None
    """When the last file was uploaded to the index; null if unknown."""

    yanked: str | None
    """The reason, which may be empty; null if not all files are yanked."""


class ReportProject(ReportShare):
    """The files of a project."""

    uploaded: float | None
    """When the last file was uploaded to the index; null if unknown."""

    status: str | None
    """Its status on the index (PEP 792); null for active."""

    releases: list[ReportRelease]
    """Newest first."""


class ReportGrowth(_Object):
    """A run or an import, and what the mirror held after it."""

    started: float
    ended: float | None
    """Null if it is in progress, or was killed."""

    outcome: Literal["complete", "incomplete", "interrupted", "failed", "killed", "running"]
    fetched: int
    """Files."""

    removed: int
    """Files that were deleted."""

    missing: int
    """What could not be mirrored."""

    bytes_fetched: int
    files: int | None
    """Files that the mirror held; null if unknown."""

    bytes: int | None
    """Their size."""


class ReportOutdated(_Object):
    """A selected project that was not up to date with the index when the last run ended."""

    project: str
    newest: str | None
    """The newest release that is mirrored; null if there is none."""

    uploaded: float | None
    """When the last file of that release was uploaded."""

    cause: str


class ReportBehind(_Object):
    """A project with a newer release on the index than in the mirror."""

    project: str
    newest: str
    """The newest release that is mirrored."""

    upstream: str
    """The newest release on the index that is not yanked."""

    uploaded: float | None
    """When that was uploaded."""

    refused_by: list[str]
    """The rules that refuse it, by their config keys; empty if it could not be mirrored yet."""


class ReportVulnerable(_Object):
    """A mirrored release with known vulnerabilities."""

    project: str
    release: str
    known: str
    """Their identifiers, separated by commas."""


class ReportOnDemand(ReportShare):
    """The files of a project that were fetched on demand."""

    uses: int
    """How often clients downloaded them."""

    last: float


class ReportMissed(_Object):
    """A project that clients asked the server for but did not get."""

    project: str
    requests: int
    first: float
    last: float
    why: str


class ReportOutput(_Result):
    """The result of `minimirror report --json`. Times are in seconds since the epoch."""

    repository: str
    """The folder, or the address of the bucket."""

    made: float
    """When the report was made."""

    as_of: float | None
    """The time of the mirrored state of the index: that of the last complete run or import."""

    selected: int
    """Projects that the config selects."""

    files: int
    """Mirrored files."""

    bytes: int
    """Their size."""

    releases: int
    local: ReportShare
    """Local files, which are not included in the other numbers."""

    projects: list[ReportProject]
    """Biggest first."""

    types: list[ReportShare]
    """By package type, biggest first."""

    pythons: list[ReportShare]
    """By Python tag."""

    platforms: list[ReportShare]
    """By platform, without the versions in the tags: `manylinux_x86_64`."""

    targets: list[ReportTarget]
    """One for each entry of `targets`."""

    years: list[ReportYear]
    """Newest first."""

    growth: list[ReportGrowth]
    """The last 400 runs and imports, oldest first."""

    outdated: list[ReportOutdated]
    behind: list[ReportBehind]
    """Those whose newer release is oldest come first."""

    unread: int
    """The number of mirrored projects whose page no run has read, so that newer releases are unknown."""

    vulnerable: list[ReportVulnerable]
    unadvised: int
    """The number of mirrored projects that were not checked for vulnerabilities."""

    missing: list[Failure]
    """What the last finished run could not mirror, and mirrored files that are lost or damaged."""

    demanded: list[ReportOnDemand]
    """By project, biggest first."""

    missed: list[ReportMissed]
    """Most requested first."""


class ExportOutput(_Result):
    """The result of `minimirror export --json`."""

    changed: bool
    """Whether a bundle was written."""

    paths: list[str]
    """The parts of the bundle."""

    installer: list[str]
    """The installer and its signature; empty without `--with-installer`."""

    number: int
    """The number of this export, or of the last one if nothing has changed."""

    since: int | None
    """Files that exports up to this one included are left out; null for a full bundle."""

    state: str
    """A digest of what the mirror offers."""

    listed: int
    """Files in the manifest: all files of the mirror."""

    files: int
    """Files that the bundle includes."""

    local: int
    """Local files in the manifest."""

    without_local: int
    """Local files that were left out."""

    removed: int
    """Files that the last export listed, but this one does not."""

    bytes: int
    """The size of all parts."""

    signed: bool
    missing: int
    """Files that the last run could not download."""

    seconds: float


class EarlierExport(_Object):
    """An earlier export."""

    number: int
    made: float
    """Seconds since the epoch."""

    run: int | None
    """The last run before it."""

    since: int | None
    """Files that exports up to this one included were left out; null for a full bundle."""

    state: str
    """A digest of what the mirror offered at that time."""

    name: str
    """The first file of the bundle."""

    parts: int
    files: int
    """Files that the bundle includes."""

    bytes: int
    """The size of all parts."""


class ExportListOutput(_Result):
    """The list of `minimirror export --list --json`."""

    exports: list[EarlierExport]


class ImportedBundle(_Result):
    """One imported bundle."""

    name: str
    """The first file of the bundle."""

    number: int
    """The number of the export."""

    state: str
    """A digest of what the exported mirror offers."""

    mirrored: float | None
    """When the last complete run of the exported mirror ended, in seconds since the epoch."""

    checked: bool
    """Whether the bundle was only checked."""

    changed: bool
    """Whether the import changed anything, or would."""

    added: int
    present: int
    """Files in the manifest that were already in the folder."""

    local: int
    """Local files in the manifest."""

    kept: int
    """Files that were kept because a run has updated them since an import."""

    restored: bool
    """Whether a newer bundle had been imported, so that this one only restored lost files."""

    removed: int
    bytes: int
    """The size of the added files."""

    signed: bool
    """Whether the bundle has a signature."""

    signer: str | None
    """Null if no signature was required and verified."""

    seconds: float


class ImportOutput(_Result):
    """The result of `minimirror import --json`."""

    imports: list[ImportedBundle]


class PushFiles(_Object):
    """Counts of files."""

    chosen: int
    present: int
    """Files that were already on the index."""

    uploaded: int
    failed: int


class MissingFile(_Object):
    """A file that a push would upload."""

    project: str
    filename: str
    size: int
    """Bytes."""


class PushOutput(_Result):
    """The result of `minimirror push --json`."""

    complete: bool
    """Whether everything is uploaded; with `--dry-run`, whether nothing prevents it."""

    interrupted: bool
    dry_run: bool
    url: str
    """Where files are uploaded."""

    simple_url: str
    """Where the index lists its files."""

    files: PushFiles
    bytes_uploaded: int
    seconds: float
    missing: list[MissingFile]
    """With `--dry-run`: files that the index lacks."""

    conflicts: list[str]
    """Filenames that have different content on the index."""

    altered: list[str]
    """Files that are missing or altered in the mirror."""

    failures: list[Failure]
    """What was not uploaded, including conflicts and altered files."""

    notes: list[str]


class MissedProject(_Object):
    """A project that clients did not get. Times are in seconds since the epoch."""

    project: str
    requests: int
    first: float
    last: float
    why: str


class DemandedFile(_Object):
    """A file that was fetched on demand. Times are in seconds since the epoch."""

    filename: str
    project: str
    version: str
    first: float
    last: float
    uses: int
    """How often clients downloaded it."""

    expired: bool
    """Whether the next run deletes it, because no client has downloaded it for a long time."""


class RequestedOutput(_Result):
    """What `minimirror requested --json` prints: what clients of the server asked for."""

    missed: list[MissedProject]
    """Most requested first."""

    came: list[DemandedFile]


class Setting(_Object):
    """A setting in effect."""

    value: Any
    """Sizes are bytes, durations are seconds, and passwords are masked."""

    source: Literal["config", "option", "default"] = Field(alias="from")


OUTPUTS: dict[str, Any] = {
    "run": RunOutput,
    "plan": PlanOutput,
    "explain": ExplainOutput,
    "verify": VerifyOutput,
    "status": StatusOutput,
    "report": ReportOutput,
    "export": ExportOutput,
    "export-list": ExportListOutput,
    "import": ImportOutput,
    "push": PushOutput,
    "requested": RequestedOutput,
    "config-show": dict[str, Setting],
}
"""The outputs by the names of their schemas."""


def output_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an output."""
    schema = TypeAdapter(OUTPUTS[name]).json_schema()
    for described in (schema, *schema.get("$defs", {}).values()):
        # pydantic's titles only repeat the names; its base class's docstring describes nothing.
        described.pop("title", None)
        for value in described.get("properties", {}).values():
            value.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
