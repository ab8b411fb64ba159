"""Keys of the config: what targets need."""

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from minimirror.config.paths import RequirementSource
from minimirror.config.source_keys import Keys
from minimirror.config.targets import TargetObject
from minimirror.config.words import Closure, Unique

__all__ = ["RequirementKeys"]


class RequirementKeys(Keys):
    """What targets need."""

    targets: Unique[TargetObject] = Field(
        (),
        examples=[
            [
                {"python": "3.12", "platform": "manylinux_2_28_x86_64"},
                {"python": "3.13.1", "platform": "win_amd64", "implementation": "cp", "abi": "cp313t"},
            ]
        ],
    )
    """Keep only files that can be installed in one of these environments, and count `releases` for each of
    them. `python` is a version (`3.12` means 3.12.0), and `platform` the newest platform tag that the
    environment accepts. `implementation` (default: `cp`) is optional, and so is `abi`, except for a
    free-threaded Python. `minimirror target` prints the current environment."""

    requirements: Unique[RequirementSource] = Field(
        (),
        examples=[
            ["requirements.txt", "groups/*.in", "pyproject.toml[test]", "pyproject.toml:dev", "uv.lock"]
        ],
    )
    """Mirror everything that these files need on each of the `targets`, including dependencies. The list
    takes paths and globs of requirement files, `pyproject.toml` and `uv.lock` (with extras in brackets, or a
    dependency group after a colon), `pylock.toml`, and scripts (PEP 723). A relative path starts at the
    config file's folder. Without `projects`, nothing else is mirrored."""

    dependencies: StrictBool = Field(default=False, examples=[True])
    """Also mirror the dependencies of `projects` for each of the `targets`."""

    closure: Closure = Field("resolved", examples=["releases"])
    """Which releases of a dependency to mirror: `"resolved"` keeps only those that were resolved for the
    targets. `"releases"` also keeps the newest ones, as many as the key `releases` says."""

    build: StrictBool = Field(default=False, examples=[True])
    """If a release has no wheel, build it to find its dependencies, and mirror the build requirements.
    Building runs the project's code."""

    @field_validator("requirements", "dependencies")
    @classmethod
    def _needs_other_keys(cls, value: object, info: ValidationInfo) -> object:
        """Require the keys without which this one has no effect.

        An invalid key has its own error and is not in the data.
        """
        if value and info.data.get("targets", True) == ():
            raise ValueError(
                'needs "targets", the environments to resolve for; `minimirror target` prints the current one'
            )
        if value is True and info.data.get("projects", True) is None:
            raise ValueError('needs "projects" (the dependencies of "requirements" are always mirrored)')
        return value
