"""The server's certificate, checked before the server starts."""

from __future__ import annotations

import ssl
from pathlib import Path

from minimirror.serve.errors import ServeError

__all__ = ["check_certificate"]


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    """Check that a certificate and its key can be used.

    :raises ServeError: they cannot
    """
    if certificate is None:
        if key is not None:
            raise ServeError(f"the key {key} needs its certificate: --certificate FILE")
        return
    for path in (certificate, key or certificate):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise ServeError(f"cannot read {path}: {error.strerror}") from None
    needs_password = False

    def password() -> str:
        nonlocal needs_password
        needs_password = True
        return ""

    try:
        # Without a function, OpenSSL would ask at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password)
    except (OSError, ssl.SSLError) as error:
        if needs_password:
            why = f"its key needs a password; `openssl rsa -in {key or certificate} -out FILE` removes it"
        elif getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            why = f"the key in {key or certificate} is that of another certificate"
        else:
            why = "it must be a PEM file that has its key, too; or name the key with --key FILE"
            why = "it and its key must be PEM files" if key else why
        raise ServeError(f"cannot use the certificate {certificate}: {why}") from None
