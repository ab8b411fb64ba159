"""The command line: arguments in, exit code out.

``group`` is the command `minimirror`; ``commands`` has one file per group of subcommands, and ``options``
the options that several of them share. ``output`` has one file per thing that people read, and ``console``
what goes to standard output, signals and exit codes. ``log_file`` is the log of a run. ``new_config`` asks
for a config, ``config_editor`` edits it, ``project_list`` adds and removes projects, and ``completion``
answers the Tab key. Everything is imported when a command runs: help, completion and ``--version`` stay fast.
"""

from minimirror.cli.commands import bundle, check, config, index, mirror, push, setup
from minimirror.cli.group import main

__all__ = ["bundle", "check", "config", "index", "main", "mirror", "push", "setup"]
