"""What the steps of a run or a preview share."""

from __future__ import annotations

from minimirror.common import ProgressCallback, Summary
from minimirror.config import Config
from minimirror.storage import Catalog, Repository
from minimirror.sync.progress import Progress

__all__ = ["Session"]


class Session:
    """A mirror that is open, its config, and where the steps report to."""

    def __init__(
        self,
        config: Config,
        folder: Repository,
        catalog: Catalog,
        summary: Summary,
        callback: ProgressCallback | None = None,
    ) -> None:
        self.config = config
        self.folder = folder
        self.catalog = catalog
        self.summary = summary
        self.progress = Progress(summary, callback)
