"""The config: load, check, save and describe ``~/.minirepo``.

``model`` says which keys there are and ``values`` what they may hold, ``document`` and ``mistakes`` what is
wrong and where, ``file`` how the file is read and saved.
"""

from minimirror.config.document import decode
from minimirror.config.file import (
    DEFAULT_PATH,
    check,
    command,
    config_path,
    load,
    save,
    set_value,
    unset_value,
    write,
)
from minimirror.config.json_schema import schema
from minimirror.config.mistakes import ConfigError
from minimirror.config.model import Config
from minimirror.config.values.amounts import Size
from minimirror.config.values.defaults import default_processes
from minimirror.config.values.names import ProjectPattern

__all__ = [
    "DEFAULT_PATH",
    "Config",
    "ConfigError",
    "ProjectPattern",
    "Size",
    "check",
    "command",
    "config_path",
    "decode",
    "default_processes",
    "load",
    "save",
    "schema",
    "set_value",
    "unset_value",
    "write",
]
