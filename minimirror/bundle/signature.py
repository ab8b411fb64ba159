"""The manifest's signature, made and verified by OpenSSH's ``ssh-keygen -Y`` (the SSHSIG format)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO

from minimirror.bundle.results import SignatureError
from minimirror.common import printable

__all__ = ["find_signer", "sign"]

NAMESPACE = "minimirror"
"""The purpose of the signature: one that was made for another purpose is not valid here."""


def sign(manifest: Path, key: Path, signature: Path) -> None:
    """Sign a manifest; ssh-keygen asks for a passphrase at the terminal.

    :param key: a private key, or a public key whose private key the SSH agent holds
    :param signature: where ssh-keygen writes the signature: the manifest's path with ``.sig`` behind it
    :raises SignatureError: it cannot be signed
    """
    signature.unlink(missing_ok=True)
    done = _ssh_keygen("sign", "-f", str(key), "-n", NAMESPACE, str(manifest))
    if done.returncode != 0 or not signature.exists():
        raise SignatureError(f"could not sign the bundle with {key}: {_last_line(done)}")


def find_signer(manifest: Path, signature: Path, allowed: Path) -> str:
    """Return the allowed signer who signed a manifest.

    :param allowed: a file as described in ssh-keygen(1) under "ALLOWED SIGNERS"
    :raises SignatureError: none of them signed it
    """
    if not allowed.is_file():
        raise SignatureError(f"allowed_signers: {allowed} does not exist")
    done = _ssh_keygen("find-principals", "-s", str(signature), "-f", str(allowed))
    for principal in done.stdout.splitlines():
        with manifest.open("rb") as stream:
            options = ("-f", str(allowed), "-I", principal, "-n", NAMESPACE, "-s", str(signature))
            done = _ssh_keygen("verify", *options, stdin=stream)
        if done.returncode == 0:
            return printable(principal)
    raise SignatureError(f"not signed by an allowed signer of {allowed}: {_last_line(done)}")


def _ssh_keygen(*arguments: str, stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - no shell, and no argument comes from a bundle
            ["ssh-keygen", "-Y", *arguments],  # noqa: S607 - found on PATH
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise SignatureError(
            f"could not run ssh-keygen, which signs and verifies bundles ({error.strerror}); install the"
            " OpenSSH client"
        ) from None


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return printable(lines[-1].strip()) if lines else f"ssh-keygen exited with {done.returncode}"
