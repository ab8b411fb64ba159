"""The servers that people run, from PyPI and Debian, on loopback: upstreams of a mirror, and its clients.

Each is a context manager that yields the server's URL once it answers, and ends the server after the block.
A test that needs a program which this machine lacks is skipped; with ``CI=true`` in the environment, it
fails.
"""

from __future__ import annotations

from tests.helpers.servers.bandersnatch import Bandersnatch
from tests.helpers.servers.devpi import Devpi, devpi
from tests.helpers.servers.devpi_client import DevpiClient
from tests.helpers.servers.gateway import Answer, Gateway, gateway
from tests.helpers.servers.nginx import nginx
from tests.helpers.servers.process import answer, free_port, not_available, program, script, serving
from tests.helpers.servers.pypiserver import OPEN, htpasswd, pypiserver
from tests.helpers.servers.twine import twine

__all__ = [
    "OPEN",
    "Answer",
    "Bandersnatch",
    "Devpi",
    "DevpiClient",
    "Gateway",
    "answer",
    "devpi",
    "free_port",
    "gateway",
    "htpasswd",
    "nginx",
    "not_available",
    "program",
    "pypiserver",
    "script",
    "serving",
    "twine",
]
