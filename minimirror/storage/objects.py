"""An object store, asked through obstore: its address, its credentials, its errors, and objects to read."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from minimirror.common import MinimirrorError, missing_extra, printable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["ObjectFile", "bucket_environment", "content_type", "explained", "if_unchanged", "object_store"]

# ruff: noqa: PLC0415 - a mirror in a folder needs none of this

_BLOCK = 4 << 20
"""Bytes that are read with one request."""

_GOOGLES_EMULATOR = "STORAGE_EMULATOR_HOST"
"""The variable with which Google's tools are told the address of another server."""

_CODE = re.compile(r"<Code>([\w.]{1,60})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,200})")
_STATUS = re.compile(r"status code: (\d{3} [\w ]{1,40})")

_DENIED = "access denied; check the credentials (S3: AWS_ACCESS_KEY_ID or AWS_PROFILE) and what they may do"
_NO_BUCKET = "there is no such bucket; create it, or correct `repository`"
_EXPIRED = "the credentials have expired; renew them, and run again"
_BUSY = "the store is overloaded (SlowDown) and asked for fewer requests; run again later"
_CAUSES = {
    **dict.fromkeys(
        ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccountProblem"), _DENIED
    ),
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound"), _NO_BUCKET),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"), _EXPIRED
    ),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "ServerBusy", "TooManyRequests"), _BUSY),
    "RequestTimeTooSkewed": "this machine's clock is wrong; set it",
    "QuotaExceeded": "the bucket's quota is used up",
}
"""What the codes of S3 and its relatives mean."""

_SIGNS = {
    "169.254.169.254": "there are no credentials; set AWS_ACCESS_KEY_ID or AWS_PROFILE (s3),"
    " GOOGLE_APPLICATION_CREDENTIALS (gs) or AZURE_STORAGE_ACCOUNT_KEY (az), for example",
    "Account must be specified": "no account is set; set AZURE_STORAGE_ACCOUNT_NAME",
    "error sending request": "the store cannot be reached; check the network and its address"
    " (S3: AWS_ENDPOINT_URL)",
    "MissingRegion": "no region is set; set AWS_REGION",
}
"""What other errors mean, by a part of their text."""


def bucket_environment() -> dict[str, str]:
    """Return the variables of the environment that say how to reach a store, and with which credentials."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")) or name == _GOOGLES_EMULATOR
    }


@cache
def object_store(url: str) -> ObjectStore:
    """Open a store, with the endpoint, region and credentials that the AWS tools would use.

    :param url: ``s3://bucket/prefix``, or the same with ``gs`` or ``az``
    :raises MinimirrorError: obstore is not installed
    """
    scheme = urlsplit(url).scheme
    try:
        from obstore import store
    except ImportError:
        raise _UnusableError(missing_extra(f"a repository at {scheme}://", "obstore", "s3")) from None
    config: Any
    config, provider = {"s3": _as_aws_tools, "gs": _as_google_tools}.get(scheme, _as_obstore)()
    address = config.get("endpoint") or config.get("base_url") or ""
    plain = address.startswith("http:") or "AZURE_STORAGE_USE_EMULATOR" in os.environ
    options: Any = {"allow_http": plain, "connect_timeout": "10s", "timeout": "120s"}
    with explained():
        found: ObjectStore = store.from_url(
            url,
            config=config,
            client_options=options,
            retry_config=_retries(),
            credential_provider=provider,
        )
    return found


class _UnusableError(MinimirrorError):
    exit_code = 2


def _retries() -> Any:
    backoff = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2}
    return {"max_retries": 6, "retry_timeout": timedelta(seconds=60), "backoff": backoff}


def _as_aws_tools() -> tuple[Any, Any]:
    """Return what the environment and the profile say, and who provides the profile's credentials."""
    environ = os.environ
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    provider = None
    folder = Path.home() / ".aws"
    named = any(environ.get(f"AWS_{name}") for name in ("PROFILE", "CONFIG_FILE", "SHARED_CREDENTIALS_FILE"))
    exists = any((folder / name).exists() for name in ("config", "credentials"))
    if "AWS_ACCESS_KEY_ID" not in environ and (named or exists):
        session, provider = _profile()
        scoped = session.get_scoped_config()
        endpoint = endpoint or scoped.get("endpoint_url")
        region = region or scoped.get("region")
    found = {"endpoint": endpoint, "region": region or "us-east-1", "copy_if_not_exists": "multipart"}
    return {key: value for key, value in found.items() if value}, provider


def _as_google_tools() -> tuple[Any, Any]:
    """Return the address of an emulator, if the environment has one; it takes any credentials."""
    emulator = os.environ.get(_GOOGLES_EMULATOR)
    if emulator is None:
        return _as_obstore()
    anybody = {"token": "none", "expires_at": datetime.max.replace(tzinfo=timezone.utc)}
    return {"base_url": emulator if "://" in emulator else f"http://{emulator}"}, lambda: anybody


def _as_obstore() -> tuple[Any, Any]:
    """Return nothing: obstore itself looks into the environment."""
    return {}, None


def _profile() -> tuple[Any, Any]:
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        raise _UnusableError(missing_extra("an AWS profile", "botocore", "s3")) from None

    def credentials() -> dict[str, Any]:
        found = session.get_credentials().get_frozen_credentials()
        # botocore renews what expires, some minutes before it does.
        until = datetime.now(timezone.utc) + timedelta(minutes=5)
        keys = {"access_key_id": found.access_key, "secret_access_key": found.secret_key}
        return {**keys, "token": found.token, "expires_at": until}

    session = Session()
    try:
        return session, credentials if session.get_credentials() else None
    except (BotoCoreError, ValueError) as error:
        raise _UnusableError(f"the AWS profile cannot be used: {error}") from None


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error of obstore into one of the operating system, with a text for people.

    :raises FileExistsError: there is such an object, or it has changed
    :raises FileNotFoundError: there is none
    :raises OSError: anything else
    """
    from obstore import exceptions

    try:
        yield
    except exceptions.AlreadyExistsError:
        raise FileExistsError(
            errno.EEXIST, "the bucket has a file with this name that minimirror did not place"
        ) from None
    except exceptions.PreconditionError:
        raise FileExistsError(errno.EEXIST, "another process has changed it") from None
    except FileNotFoundError as error:
        code = _CODE.search(str(error))
        if code is not None and _CAUSES.get(code[1]) == _NO_BUCKET:
            raise OSError(errno.ENODEV, _NO_BUCKET) from None
        raise FileNotFoundError(errno.ENOENT, "there is no such object") from None
    except exceptions.BaseError as error:
        raise OSError(errno.EIO, _cause(str(error), denied=isinstance(error, _refusals()))) from None


def _refusals() -> tuple[type[Exception], ...]:
    from obstore import exceptions

    return exceptions.PermissionDeniedError, exceptions.UnauthenticatedError


def _cause(text: str, *, denied: bool) -> str:
    code = _CODE.search(text)
    if code is not None and code[1] in _CAUSES:
        return _CAUSES[code[1]]
    for sign, cause in _SIGNS.items():
        if sign in text:
            return cause
    if denied:
        return _DENIED
    status = code or _STATUS.search(text)
    if status is None:
        return printable(text.split("\n", 1)[0][:200])
    # The rest repeats addresses and the request.
    said = _MESSAGE.search(text)
    return f"the store refused a request ({status[1]})" + (f": {printable(said[1])}" if said else "")


def if_unchanged(version: Any) -> Any:
    """Return the mode of a write that happens only if an object still has this version.

    :param version: what obstore said of it when it was written, read or listed
    """
    return {key: version[key] for key in ("e_tag", "version") if version.get(key)}


class ObjectFile:
    """An object, to read it. It can be sent to other processes."""

    def __init__(self, url: str, name: str) -> None:
        """Name it.

        :param url: of the bucket, with the prefix
        """
        self._url = url
        self.name = name

    def open(self, _mode: Literal["rb"], /) -> io.BufferedReader:
        """Open it; each request reads some megabytes.

        :raises OSError: it cannot be read
        """
        return io.BufferedReader(_Reader(self._url, self.name))

    def stat(self) -> os.stat_result:
        """Return its size and modification time.

        :raises OSError: there is none, or it cannot be asked for
        """
        import obstore

        with explained():
            found = obstore.head(object_store(self._url), self.name)
        seconds = found["last_modified"].timestamp()
        values = (stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, found["size"], *[int(seconds)] * 3)
        times = {"st_mtime": seconds, "st_mtime_ns": int(seconds * 1e9), "st_atime_ns": int(seconds * 1e9)}
        return os.stat_result(values, times)

    async def presigned(self, lasts: timedelta) -> str:
        """Return an address at which anyone may get it from the store for a while.

        :raises OSError: the store cannot sign, or not with these credentials
        """
        import obstore

        store: Any = object_store(self._url)
        try:
            with explained():
                return await obstore.sign_async(store, "GET", self.name, lasts)
        except (TypeError, ValueError) as error:
            raise OSError(errno.ENOTSUP, f"the store cannot sign: {error}") from None

    async def stream(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Return its bytes from one place to another, when the store has begun to send them.

        :raises OSError: there is no such object, or it cannot be read
        """
        import obstore

        with explained():
            reply = await obstore.get_async(
                object_store(self._url), self.name, options={"range": (start, end)}
            )
        return _blocks(reply)

    def sha256(self) -> str | None:
        """Return the digest in its metadata.

        :raises OSError: there is no such object, or it cannot be asked for
        """
        import obstore

        with explained():
            found = obstore.get(object_store(self._url), self.name, options={"head": True})
        return found.attributes.get("sha256")


async def _blocks(reply: Any) -> AsyncIterator[bytes]:
    with explained():
        async for block in reply.stream(_BLOCK):
            yield bytes(block)


class _Reader(io.RawIOBase):
    """Reads an object from any place."""

    def __init__(self, url: str, name: str) -> None:
        import obstore

        super().__init__()
        with explained():
            self._reader = obstore.open_reader(object_store(url), name, buffer_size=_BLOCK)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: Any) -> int:
        with explained():
            data = self._reader.read(len(buffer))
        size = len(data)
        buffer[:size] = bytes(data)
        return size


def content_type(name: str) -> str:
    """Return what an HTTP server says of a file: browsers and installers need it of pages (PEP 503, 691)."""
    kinds = {".html": "text/html; charset=utf-8", ".json": "application/vnd.pypi.simple.v1+json"}
    kinds |= {".metadata": "text/plain; charset=utf-8", ".whl": "application/zip", ".gz": "application/gzip"}
    return kinds.get(PurePosixPath(name).suffix, "application/octet-stream")
