"""The config: load, check, save and describe ``~/.minirepo``.

``model`` says which keys there are and ``values`` what they may hold, ``document`` and ``mistakes`` what is
wrong and where, ``file`` how the file is read and saved.
"""

from minimirror.config.file import DEFAULT_PATH, check, config_path, load, save, set_value, unset_value, write
from minimirror.config.mistakes import ConfigError
from minimirror.config.model import Config
from minimirror.config.schema import schema
from minimirror.config.values.defaults import default_processes
from minimirror.config.wording import mask_credentials
from minimirror.package_types import PackageType

__all__ = [
    "DEFAULT_PATH",
    "Config",
    "ConfigError",
    "PackageType",
    "check",
    "config_path",
    "default_processes",
    "load",
    "mask_credentials",
    "save",
    "schema",
    "set_value",
    "unset_value",
    "write",
]
