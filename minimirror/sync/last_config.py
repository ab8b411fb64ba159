"""Which config the last run had: two that take turns in one folder would delete each other's files."""

from __future__ import annotations

import json
from dataclasses import asdict

from minimirror.common import MinimirrorError
from minimirror.config import Config, ConfigSource
from minimirror.storage import Catalog

__all__ = ["OtherConfigError", "other_config", "record_config"]

_KEY = "config"
"""The catalog's key for it."""


class OtherConfigError(MinimirrorError):
    """The run would delete files that the config of the last run selects, and that is another config."""


def other_config(config: Config, catalog: Catalog) -> str | None:
    """Return the path of the last run's config if that is another one; None if it is this one, or unknown."""
    found = catalog.recall(_KEY)
    last = ConfigSource(**json.loads(found)) if found else config.source
    return None if config.source.continues(last) else last.path or "made in Python"


def record_config(config: Config, catalog: Catalog) -> None:
    """Write to the catalog, without a commit, which config the folder follows from now on."""
    catalog.remember(_KEY, json.dumps(asdict(config.source)))
