"""Make configs, and get the messages of invalid ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minimirror.config import Config, ConfigError, check

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PATH", "config", "mistake", "mistakes", "place"]

PATH = Path("/etc/lab.json")


def config(**keys: object) -> Config:
    return check(json.dumps({"repository": "/data", **keys}), PATH)


def mistakes(text: str, overrides: Mapping[str, object] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check(text, PATH, overrides)
    assert caught.value.exit_code == 2
    assert caught.value.path == PATH
    return caught.value.problems


def mistake(**keys: object) -> str:
    """Return the only error of a config, without its path and line."""
    (problem,) = mistakes(json.dumps({"repository": "/data", **keys}))
    return problem.removeprefix("/etc/lab.json:1: ")


def place(problem: str) -> str:
    """Return the path, line and key of an error, without what is wrong."""
    return ": ".join(problem.split(": ")[:2])
