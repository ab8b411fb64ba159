"""Who may upload: a file as Apache's ``htpasswd`` writes it."""

from __future__ import annotations

import threading
from pathlib import Path

from passlib.apache import HtpasswdFile

from minimirror.serve.errors import ServeError

__all__ = ["Passwords"]


class Passwords:
    """The users of a password file, which is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        :raises ServeError: it cannot be read, or names nobody
        """
        try:
            self._file = HtpasswdFile(str(path))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ServeError(f"{path}: {why}; `htpasswd -B -c {path} USER` makes such a file") from None
        if not self._file.users():
            raise ServeError(f"{path}: it names no user; `htpasswd -B {path} USER` adds one")
        self._lock = threading.Lock()

    def check(self, user: str, password: str) -> bool:
        """Whether it is this user's password. Takes as long for a user that there is not.

        :raises OSError: the file has gone
        """
        with self._lock:
            try:
                self._file.load_if_changed()
                found = self._file.check_password(user, password)
                if found is None:
                    # Of somebody else, in vain: how long it takes shall not tell which users there are.
                    self._file.check_password(str(next(iter(self._file.users()), user)), password)
            except ValueError:
                # A name that no such file can have, a password that is too long, a hash of unknown kind.
                return False
        return bool(found)
