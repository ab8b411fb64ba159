"""The config: load, check, change and describe ``~/.minirepo``.

``model`` is the config. Its keys are in ``source_keys``, ``rule_keys``, ``requirement_keys``,
``network_keys`` and ``model`` itself, in this order; ``keys`` says how callers from Python may write them.
Their types are in ``numbers``, ``words``, ``patterns``, ``paths``, ``urls``, ``indexes``, ``serving`` and
``targets``. ``document`` parses the file and knows the line of each key, ``errors`` turns what is wrong into
sentences, ``file`` loads and saves the file, ``edit`` changes one key of it, ``json_edit`` does so in its
text, and ``json_schema`` describes it for editors.
``docs/config.md`` is generated from the model, too.
"""

from minimirror.config.document import decode
from minimirror.config.edit import get_value, json_or_text, set_value, typed, unset_value
from minimirror.config.errors import ConfigError
from minimirror.config.file import check, command, config_path, default_path, load, save, write
from minimirror.config.json_schema import choices, default_text, descriptions, schema
from minimirror.config.model import DEFAULTS, Config, ConfigSource
from minimirror.config.numbers import Size
from minimirror.config.patterns import ProjectPattern
from minimirror.config.serving import ServeSettings
from minimirror.config.source_keys import default_processes
from minimirror.config.urls import comparable_url, default_index_url

__all__ = [
    "DEFAULTS",
    "Config",
    "ConfigError",
    "ConfigSource",
    "ProjectPattern",
    "ServeSettings",
    "Size",
    "check",
    "choices",
    "command",
    "comparable_url",
    "config_path",
    "decode",
    "default_index_url",
    "default_path",
    "default_processes",
    "default_text",
    "descriptions",
    "get_value",
    "json_or_text",
    "load",
    "save",
    "schema",
    "set_value",
    "typed",
    "unset_value",
    "write",
]
