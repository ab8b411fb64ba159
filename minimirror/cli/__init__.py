"""The command line: arguments in, exit code out."""

from minimirror.cli.commands import bundle, config, mirror, push, serve
from minimirror.cli.group import main

__all__ = ["bundle", "config", "main", "mirror", "push", "serve"]
