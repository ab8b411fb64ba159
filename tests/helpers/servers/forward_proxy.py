"""Run Apache as the proxy of a closed network, with or without a password."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers.servers.process import free_port, program, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ForwardProxy", "forward_proxy"]

_MODULES = (
    "mpm_event",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_user",
    "auth_basic",
    "proxy",
    "proxy_http",
    "proxy_connect",
)


@dataclass(frozen=True)
class ForwardProxy:
    """A running proxy."""

    address: str
    """Host and port."""

    _log: Path

    def requests(self) -> list[str]:
        """Return the method and the target of each request so far: ``CONNECT 127.0.0.1:443``."""
        lines = [line.rpartition(" ")[0] for line in self._log.read_text().splitlines()]
        # The one that shows that the proxy has started may be logged late.
        return [line for line in lines if line != "GET /"]


@contextmanager
def forward_proxy(*, password: str | None = None) -> Iterator[ForwardProxy]:
    """Run the proxy.

    :param password: the password of ``user``, without which it refuses everything
    """
    # Apache's workers run as another user, who may not look into the test's own folder.
    with tempfile.TemporaryDirectory(prefix="minimirror-proxy-") as folder:
        yield from _run(Path(folder), password)


def _run(home: Path, password: str | None) -> Iterator[ForwardProxy]:
    port = free_port()
    loads = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in _MODULES)
    if password is not None:
        digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
        (home / "passwords").write_text(f"user:{{SHA}}{digest}\n")
    access = f"AuthType Basic\nAuthName proxy\nAuthUserFile {home}/passwords\nRequire valid-user"
    (home / "requests").write_text("")
    (home / "apache.conf").write_text(f"""
ServerRoot {home}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {home}/pid
ErrorLog {home}/errors
{"User www-data" if os.geteuid() == 0 else ""}
{"Group www-data" if os.geteuid() == 0 else ""}
{loads}
CustomLog {home}/requests "%r"
ProxyRequests On
ProxyVia Off
AllowCONNECT 1-65535
<Proxy "*">
{access if password is not None else "Require all granted"}
</Proxy>
""")
    home.chmod(0o755)
    command = [program("apache2", "apache2-bin"), "-f", f"{home}/apache.conf", "-DFOREGROUND"]
    with serving(command, f"http://127.0.0.1:{port}/", home):
        (home / "requests").write_text("")
        yield ForwardProxy(f"127.0.0.1:{port}", home / "requests")
