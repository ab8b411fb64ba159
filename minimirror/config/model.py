"""The keys of the config: their types, meanings, examples and defaults.

``docs/config.md`` and the JSON Schema are generated from this file: it is the one place that documents a key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError, to_jsonable_python

from minimirror.common import mask_credentials
from minimirror.config.errors import NOTHING_SELECTED, ConfigError, problems
from minimirror.config.network_keys import NetworkKeys
from minimirror.config.numbers import Share
from minimirror.config.paths import FilePath
from minimirror.config.requirement_keys import RequirementKeys
from minimirror.config.rule_keys import RuleKeys
from minimirror.config.serving import ServeSettings
from minimirror.config.source_keys import SourceKeys

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from minimirror.config.keys import ConfigKeys

__all__ = ["DEFAULTS", "Config", "ConfigSource"]
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "repository": "required",
        "workers": "none: this machine",
        "processes": "one per usable CPU, at most 4; with `workers`, 4",
        "connections": "32, divided among the processes; with HTTP/2, 100 transfers on one connection",
        "index_url": "PyPI",
        **dict.fromkeys(("package_types", "extensions", "python_versions", "platforms"), "all"),
        "projects": "all; with `requirements`, only what they need",
        "project_status": "all but quarantined",
        **dict.fromkeys(("min_age", "uploaded_before", "max_file_size", "max_project_size"), "none"),
        "serve": "port 8080 of this machine only",
        **dict.fromkeys(("client_cert", "allowed_signers"), "none"),
        "state": "a folder in `~/.local/state/minimirror`",
    }
)
"""Defaults that need an explanation, by key; the others are shown as values."""


@dataclass(frozen=True)
class ConfigSource:
    """The file that a config was read from. It does not count when configs are compared."""

    path: str | None = field(default=None, compare=False)
    """Absolute; None for a config that was made in Python."""

    sha256: str = field(default="", compare=False)
    """Of the file's text."""

    def continues(self, last: "ConfigSource") -> bool:
        """Return whether this is the same config: edited in its place, or moved as it was."""
        moved = self.sha256 == last.sha256 and last.path is not None and not Path(last.path).exists()
        return self.path == last.path or moved


class Config(NetworkKeys, RequirementKeys, RuleKeys, SourceKeys):
    """The settings in ``~/.minirepo``: what to mirror, from which index, into which folder.

    ``Config(repository="packages", projects=["requests"])`` takes the keys of the file as people write them;
    :func:`load` reads a file. The attributes are what they mean: ``max_delete="10%"`` is 0.1, and
    ``min_age="7 days"`` is 604800.0, in seconds.

    :raises ConfigError: if a key is unknown or a value is invalid, with all errors
    """

    # The keys of a base class come before those of the bases to its left.
    model_config = ConfigDict(defer_build=False)

    _source: ConfigSource = PrivateAttr(default_factory=ConfigSource)

    max_delete: Share = Field(0.1, examples=["10%", 0.5])
    """The largest share of the mirrored files that a run may delete because the index no longer offers them.
    If more files (and more than three) are gone, the run deletes none of them. 0 never deletes any."""

    allowed_signers: FilePath | None = Field(None, examples=["~/.ssh/allowed_signers"])
    """Import only bundles that were signed by one of the signers in this file, which has the format of
    `ssh-keygen`'s allowed signers."""

    simple: StrictBool = Field(default=False, examples=[True])
    """Create a static index, `simple/`, next to the files, for a plain web server. Runs always update an
    existing index; `minimirror index --remove` removes it."""

    serve: ServeSettings = Field(
        default_factory=ServeSettings,
        validate_default=True,
        examples=[{"host": "0.0.0.0", "port": 8000, "htpasswd": "uploaders.htpasswd"}],  # noqa: S104
    )
    """Settings of `minimirror serve`: an object with the keys [below](#serve). Options of the command
    override them."""

    def __init__(self, /, **keys: "Unpack[ConfigKeys]") -> None:
        """Check the keys. A relative path starts at the current directory."""
        try:
            self.__pydantic_validator__.validate_python(keys, self_instance=self)
        except ValidationError as error:
            raise ConfigError(None, problems(error, Config)) from None

    @classmethod
    def checked(cls, values: Mapping[str, object], context: Mapping[str, object]) -> "Self":
        """Return the config of a file's values.

        :param context: where its relative paths start
        :raises pydantic.ValidationError: if a value is invalid
        """
        config = cls.__new__(cls)
        cls.__pydantic_validator__.validate_python(values, self_instance=config, context=context)
        return config

    @field_validator("serve")
    @classmethod
    def _selects_something(cls, value: ServeSettings, info: ValidationInfo) -> ServeSettings:
        if info.data.get("projects") == () and not value.on_demand:
            raise PydanticCustomError(NOTHING_SELECTED, "nothing is selected")
        return value

    @property
    def source(self) -> ConfigSource:
        """The file that it was read from."""
        return self._source

    def shown(self, *, numbers: bool = False, secrets: bool = False) -> dict[str, Any]:
        """Return every key with its value as people write it in JSON; a config with these equals this one.

        :param numbers: return sizes in bytes, durations in seconds and shares of 1, as programs want them
        :param secrets: return URLs with their passwords, which are masked otherwise
        """
        mode = "python" if numbers else "json"
        shown: dict[str, Any] = to_jsonable_python(
            {**self.model_dump(mode=mode), "serve": self.serve.model_dump(mode=mode, exclude_defaults=True)}
        )
        for each in () if secrets else (shown, *shown["indexes"]):
            key = "index_url" if each is shown else "url"
            each[key] = mask_credentials(each[key])
        return shown

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Keep passwords out of pydantic's ``repr()`` and ``str()``."""
        yield from self.shown().items()
