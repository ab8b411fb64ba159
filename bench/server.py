"""nginx on loopback: its own configuration, a free port, a fixed delay per request where one is asked for."""

import contextlib
import dataclasses
import http.client
import os
import pwd
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.catalog import Catalog
from bench.errors import BenchError
from bench.pages import Site
from bench.running import HOST, running
from bench.tls import Certificate

__all__ = ["Nginx", "find_nginx"]

_ECHO = "ngx_http_echo_module.so"
_NOW = "/now"
"""Prefix of the locations that answer at once; with a delay they are reached from inside only."""


def find_nginx(name: str = "nginx") -> str:
    """Return nginx's path.

    Raises:
        BenchError: it is not installed

    """
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise BenchError("nginx is not installed (Debian: nginx-light, libnginx-mod-http-echo)")
    return program


@dataclass(frozen=True)
class Nginx:
    """One nginx: where its own files live and what it serves."""

    work: Path
    """Folder for the configuration, the pid and the temporary files."""

    port: int
    """The port on loopback."""

    program: str = "nginx"
    """The program to start."""

    certificate: Certificate | None = None
    """The certificate for HTTP/2 over TLS; `None` for HTTP/1.1 without TLS."""

    @property
    def base(self) -> str:
        """The origin of every URL."""
        return f"{'https' if self.certificate else 'http'}://{HOST}:{self.port}"

    @property
    def ca_bundle(self) -> Path | None:
        """The certificate that clients must trust, if there is TLS."""
        return self.certificate.path if self.certificate else None

    def with_http2(self) -> "Nginx":
        """Return an nginx for the same port that has HTTP/2 over TLS.

        Raises:
            BenchError: there is no certificate to be had

        """
        folder = self.work.with_name(f"{self.work.name}-tls")
        return dataclasses.replace(self, certificate=Certificate.create(folder, HOST))

    @contextlib.contextmanager
    def serve(self, site: Site, catalog: Catalog | None = None, delay: float = 0.0) -> Iterator[None]:
        """Serve *site*, and the files of *catalog*, each answer *delay* seconds late.

        Raises:
            BenchError: nginx is missing, does not start, or does not answer as it should

        """
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        packages = catalog.folder / "packages" if catalog else self.work
        config = self.work / "nginx.conf"
        program = find_nginx(self.program)
        config.write_text(self._config(program, site.folder, packages, delay), encoding="utf-8")
        errors = self.work / "error.log"
        with running([program, "-e", errors, "-p", self.work, "-c", config], self.port, errors):
            self._check(site, catalog, delay)
            yield

    def _config(self, program: str, site: Path, packages: Path, delay: float) -> str:
        now = _NOW if delay else ""
        load = f"load_module {_module_path(program)}/{_ECHO};\n" if delay else ""
        outer = (
            f"location / {{ echo_sleep {delay:.3f}; echo_exec {now}$uri; }}\n"
            f"    location {now}/ {{ internal; return 404; }}"
            if delay
            else "location / { return 404; }"
        )
        internal = "internal;" if delay else ""
        tls = ""
        if self.certificate:
            # nginx 1.25 and later warn of this `http2`, but earlier ones know no other.
            cert = self.certificate
            tls = f" ssl http2; ssl_certificate {cert.path}; ssl_certificate_key {cert.key}"
        user = f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else ""
        simple = "application/vnd.pypi.simple.v1+json"
        return f"""\
{load}{user}daemon off;
pid {self.work}/nginx.pid;
worker_processes 2;
worker_rlimit_nofile 8192;
events {{ worker_connections 2048; multi_accept on; }}
http {{
  access_log off;
  error_log {self.work}/error.log warn;
  client_body_temp_path {self.work}/body;
  proxy_temp_path {self.work}/proxy;
  fastcgi_temp_path {self.work}/fastcgi;
  uwsgi_temp_path {self.work}/uwsgi;
  scgi_temp_path {self.work}/scgi;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 300s;
  keepalive_requests 100000000;
  server_tokens off;
  types {{ }}
  default_type application/octet-stream;
  map_hash_max_size 262144;
  map_hash_bucket_size 128;
  map $project $serial {{ include {site}/serials.map; }}
  server {{
    listen {HOST}:{self.port} backlog=1024{tls};
    root {site};
    set $project "";
    {outer}
    location = {now}/json/simple {{ {internal} {_page("/json/root.json", simple)} }}
    location = {now}/json/simple/ {{ {internal} {_page("/json/root.json", simple)} }}
    location = {now}/html/simple/ {{ {internal} {_page("/html/root.html", "text/html")} }}
    location ~ ^{now}/json/simple/(?<name>[^/]+)/$ {{
      {internal} set $project $name; {_page("/json/simple/$project.json", simple)}
    }}
    location ~ ^{now}/html/simple/(?<name>[^/]+)/$ {{
      {internal} set $project $name; {_page("/html/simple/$project.html", "text/html")}
    }}
    location ~ ^{now}/json/pypi/(?<name>[^/]+)/json$ {{
      {internal} set $project $name; {_page("/json/pypi/$project.json", "application/json")}
    }}
    location ^~ {now}/packages/ {{ {internal} alias {packages}/; }}
  }}
}}
"""

    def _check(self, site: Site, catalog: Catalog | None, delay: float) -> None:
        """Ask for a page of each kind and see that type, validators, ranges and the delay are right."""
        config = (self.work / "nginx.conf").read_text(encoding="utf-8")
        if ("echo" in config) != bool(delay):
            raise BenchError("nginx: the delay module must be there with a delay, and only then")
        with contextlib.closing(self._connection()) as connection:
            root = self._get(connection, "/json/simple/", delay)
            _expect(root, 200, "application/vnd.pypi.simple.v1+json")
            again = self._get(connection, "/json/simple/", delay, {"If-None-Match": root["etag"]})
            _expect(again, 304)
            self._check_http2("/json/simple/", delay)
            if catalog is None:
                return
            project = catalog.projects[0]
            page = self._get(connection, f"/json/simple/{project.name}/", delay)
            _expect(page, 200, "application/vnd.pypi.simple.v1+json")
            _expect(self._get(connection, f"/json/pypi/{project.name}/json", delay), 200, "application/json")
            if (site.folder / "html" / "root.html").exists():
                page = self._get(connection, f"/html/simple/{project.name}/", delay)
                _expect(page, 200, "text/html")
            if page.get("x-pypi-last-serial") != str(project.serial):
                raise BenchError(f"nginx: wrong serial with a page: {page}")
            path = f"/packages/{project.newest_files()[0].path}"
            _expect(self._get(connection, path, delay, {"Range": "bytes=10-19"}), 206)
            _expect(self._get(connection, "/json/simple/no-such-project/", delay), 404)

    def _connection(self) -> http.client.HTTPConnection:
        if self.certificate is None:
            return http.client.HTTPConnection(HOST, self.port, timeout=30)
        context = ssl.create_default_context(cafile=self.certificate.path)
        return http.client.HTTPSConnection(HOST, self.port, timeout=30, context=context)

    def _check_http2(self, path: str, delay: float) -> None:
        """Have curl request a page twice with HTTP/2, and see that each response has the delay."""
        if self.certificate is None:
            return
        if shutil.which("curl") is None:
            raise BenchError("curl is not installed: nothing can see whether nginx has HTTP/2")
        shown = "%{http_version} %{time_pretransfer} %{time_starttransfer}\\n"
        command = ["curl", "--disable", "--silent", "--noproxy", "*", "--cacert", str(self.certificate.path)]
        command += ["--write-out", shown, *["--output", os.devnull, f"{self.base}{path}"] * 2]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines() or ["nothing"]:
            version, *times = line.split()
            if version != "2":
                raise BenchError(f"nginx: expected HTTP/2, curl said {line}")
            _expect_delay(path, float(times[1]) - float(times[0]), delay)

    @staticmethod
    def _get(
        connection: http.client.HTTPConnection, path: str, delay: float, headers: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Return the status and the headers of an answer, once it came neither too early nor too late."""
        start = time.perf_counter()
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        taken = time.perf_counter() - start
        response.read()
        _expect_delay(path, taken, delay)
        return {name.lower(): value for name, value in response.headers.items()} | {
            "status": str(response.status)
        }


def _page(path: str, content_type: str) -> str:
    """Return the directives of a location that serves one page, whatever its own path ends in."""
    return f"default_type {content_type}; rewrite ^ {path} break; add_header X-PyPI-Last-Serial $serial;"


def _expect_delay(path: str, taken: float, delay: float) -> None:
    if not delay - 0.002 <= taken <= delay + 0.5:
        raise BenchError(f"nginx: {path} answered after {taken * 1000:.1f} ms, not {delay * 1000:.0f} ms")


def _expect(answer: dict[str, str], status: int, content_type: str | None = None) -> None:
    if answer["status"] != str(status) or (content_type and answer.get("content-type") != content_type):
        raise BenchError(f"nginx: expected {status} {content_type or ''}, got {answer}")


def _module_path(program: str) -> str:
    """Return the folder of nginx's dynamic modules."""
    shown = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"--modules-path=(\S+)", shown)
    folder = found.group(1) if found else "/usr/lib/nginx/modules"
    if not Path(folder, _ECHO).exists():
        raise BenchError(f"a delay needs {_ECHO} (Debian: libnginx-mod-http-echo), and {folder} has none")
    return folder
