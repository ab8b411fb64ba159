"""The command line: arguments in, exit code out."""

from minimirror.cli import bundling, configuring, mirroring, pushing, serving
from minimirror.cli.group import main

__all__ = ["bundling", "configuring", "main", "mirroring", "pushing", "serving"]
