"""The users who may upload, from a file written by Apache's ``htpasswd``."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from passlib.apache import HtpasswdFile

from minimirror.serve.errors import ServeError

__all__ = ["Passwords"]

log = logging.getLogger("minimirror")


class Passwords:
    """The users of a password file, which is read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        :raises ServeError: it cannot be read, or has no users
        """
        try:
            self._file = HtpasswdFile(str(path))
            users = self._file.users()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else why
            raise ServeError(
                f"cannot read {path}: {why}; create a password file with `htpasswd -B -c {path} USER`"
            ) from None
        if not users:
            raise ServeError(f"{path} has no users; add one with `htpasswd -B {path} USER`")
        self._lock = threading.Lock()

    def check(self, user: str, password: str) -> bool:
        """Return whether a user has this password. An unknown user takes as long as a known one.

        :raises OSError: the file is gone
        """
        with self._lock:
            try:
                self._file.load_if_changed()
            except ValueError as error:
                log.warning("nobody can upload: cannot read %s: %s", self._file.path, error)
                return False
            try:
                found = self._file.check_password(user, password)
                if found is None:
                    # Check another user's password, so that the time does not reveal which users exist.
                    self._file.check_password(str(next(iter(self._file.users()), user)), password)
            except ValueError:
                # A name that the file cannot contain, a password that is too long, an unknown kind of hash.
                return False
        return bool(found)
