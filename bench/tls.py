"""A self-signed certificate for nginx on loopback."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

__all__ = ["Certificate"]


@dataclass(frozen=True)
class Certificate:
    """A certificate that is its own authority, and its key."""

    path: Path
    """The certificate, which is also the CA bundle of clients."""

    key: Path
    """Its key."""

    @classmethod
    def create(cls, folder: Path, host: str) -> "Certificate":
        """Create a certificate for an IP address with openssl.

        Raises:
            BenchError: openssl is missing or refuses

        """
        if shutil.which("openssl") is None:
            raise BenchError("openssl is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder / "certificate.pem", folder / "key.pem")
        extensions = (
            f"subjectAltName=IP:{host}",
            "keyUsage=critical,digitalSignature,keyCertSign",
            "extendedKeyUsage=serverAuth",
        )
        command: list[str | Path] = ["openssl", "req", "-x509", "-days", "30", "-subj", f"/CN={host}"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for extension in extensions:
            command += ["-addext", extension]
        command += ["-keyout", made.key, "-out", made.path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"openssl made no certificate: {done.stderr.strip()[-200:]}")
        return made
