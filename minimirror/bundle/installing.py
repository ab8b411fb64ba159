"""Install minimirror from this file, and import the bundle beside it. This needs nothing but Python.

    python3 lab-1.pyz --repository /data/packages

Without a config, it writes one that names the repository. Other options are those of `minimirror import`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

OLDEST = (3, 10)
PROGRAMS = "Scripts" if os.name == "nt" else "bin"


def main() -> int:
    """Install into a virtual environment, without an index, and import with what was installed."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"minimirror needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {platform.python_version()}"
        )
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    option = parser.add_argument
    option("--env", default="~/minimirror", metavar="DIR", help="where to install (default: ~/minimirror)")
    option("--config", default=os.environ.get("MINIMIRROR_CONFIG", "~/.minirepo"), metavar="FILE")
    option("--repository", metavar="DIR", help="the folder to mirror into")
    options, others = parser.parse_known_args()
    archive, environment, config = map(absolute, (sys.argv[0], options.env, options.config))
    if not config.exists() and options.repository is None:
        parser.error(f"{config} does not exist; --repository DIR names the folder to mirror into")
    with tempfile.TemporaryDirectory() as temporary:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(temporary)
        unpacked = Path(temporary)
        values = json.loads((unpacked / "installer.json").read_text("utf-8"))
        install(values["requirement"], unpacked / "wheels", environment)
    command = environment / PROGRAMS / "minimirror"
    say(f"Installed {command}")
    if not config.exists():
        config.write_text(json.dumps({"repository": str(absolute(options.repository))}) + "\n", "utf-8")
        say(f"Wrote {config}")
    elif options.repository is not None:
        others += ["--repository", options.repository]
    bundles = [archive.with_name(name) for name in values["bundles"]]
    arguments: list[str | Path] = [command, "import", "--config", config, *others, *bundles]
    return subprocess.run(arguments, check=False).returncode  # noqa: S603 - what was just installed


def install(requirement: str, wheels: Path, environment: Path) -> None:
    """Install with the pip that is among the wheels: Python may have none.

    :param environment: a new one, or one to upgrade
    """
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(environment)
    (pip, *_) = wheels.glob("pip-*.whl")
    options = ("--isolated", "install", "--quiet", "--no-index", "--no-cache-dir", "--upgrade")
    done = subprocess.run(  # noqa: S603 - what this file has
        [
            environment / PROGRAMS / "python", "-I", pip / "pip", *options, "--disable-pip-version-check",
            "--find-links", wheels, requirement,
        ],
        # pip follows some of these even if it is isolated.
        env={key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(
            f"minimirror cannot be installed into {environment}. If wheels are missing, add this machine to"
            f" `targets` in the config where you export: Python {platform.python_version()} on"
            f" {sysconfig.get_platform()}"
        )


def absolute(path: str) -> Path:
    """Return the path that a person may have written with `~`."""
    return Path(path).expanduser().absolute()


def say(text: str) -> None:
    """Print a line before the next command prints its own."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
