"""The manifest's signature, made and checked by OpenSSH's ``ssh-keygen -Y`` (the format SSHSIG)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO

from minimirror.bundle.errors import SignatureError
from minimirror.common import printable

__all__ = ["sign", "signer"]

NAMESPACE = "minimirror"
"""What a signature is for, so that one made for something else is not good here."""


def sign(manifest: Path, key: Path) -> Path:
    """Sign a manifest with a private key, or with a public one whose private key an agent has.

    A passphrase is asked for at the terminal.

    :returns: the signature's file, beside the manifest
    :raises SignatureError: it cannot be signed
    """
    signature = manifest.with_name(f"{manifest.name}.sig")
    signature.unlink(missing_ok=True)
    done = _ssh_keygen("sign", "-f", str(key), "-n", NAMESPACE, str(manifest))
    if done.returncode != 0 or not signature.exists():
        raise SignatureError(f"cannot be signed with {key}: {_words(done)}")
    return signature


def signer(manifest: Path, signature: Path, allowed: Path) -> str:
    """Answer which of the allowed signers has signed a manifest.

    :param allowed: a file as of ssh-keygen's section "ALLOWED SIGNERS"
    :raises SignatureError: none of them has
    """
    if not allowed.is_file():
        raise SignatureError(f"allowed_signers: {allowed}: there is no such file")
    found = _ssh_keygen("find-principals", "-s", str(signature), "-f", str(allowed))
    for principal in found.stdout.splitlines():
        with manifest.open("rb") as stream:
            options = ("-f", str(allowed), "-I", principal, "-n", NAMESPACE, "-s", str(signature))
            done = _ssh_keygen("verify", *options, stdin=stream)
        if done.returncode == 0:
            return printable(principal)
        found = done
    raise SignatureError(f"its signature is not that of an allowed signer of {allowed}: {_words(found)}")


def _ssh_keygen(*arguments: str, stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - no shell, and nothing of it is a bundle's
            ["ssh-keygen", "-Y", *arguments],  # noqa: S607 - wherever the system has it
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise SignatureError(
            f"ssh-keygen, which makes and checks signatures, cannot be run ({error.strerror}): install"
            " OpenSSH's client"
        ) from None


def _words(done: subprocess.CompletedProcess[str]) -> str:
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return printable(said[-1].strip()) if said else f"ssh-keygen ended with {done.returncode}"
