"""What an object store refuses, in words for people."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions

from minimirror.common import printable

__all__ = ["explained"]

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


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error of obstore into one of the operating system, with a text for people.

    :raises FileExistsError: there is such an object, or it has changed
    :raises FileNotFoundError: there is none
    :raises OSError: anything else
    """
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
        denied = isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError)
        raise OSError(errno.EIO, _cause(str(error), denied=denied)) from None


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
