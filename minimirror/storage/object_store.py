"""Open an object store: its address and credentials, as the tools of the store take them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from obstore import store

from minimirror.common import MinimirrorError, missing_extra
from minimirror.storage.store_errors import explained

__all__ = ["object_store"]

_GOOGLES_EMULATOR = "STORAGE_EMULATOR_HOST"
"""The variable with which Google's tools are told the address of another server."""


@cache
def object_store(url: str) -> store.ObjectStore:
    """Open a store, with the endpoint, region and credentials that the AWS tools would use.

    :param url: ``s3://bucket/prefix``, or the same with ``gs`` or ``az``
    :raises MinimirrorError: the AWS profile cannot be used
    """
    config: Any
    tools = {"s3": _as_aws_tools, "gs": _as_google_tools}
    config, provider = tools.get(urlsplit(url).scheme, _as_obstore)()
    address = config.get("endpoint") or config.get("base_url") or ""
    plain = address.startswith("http:") or "AZURE_STORAGE_USE_EMULATOR" in os.environ
    options: Any = {"allow_http": plain, "connect_timeout": "10s", "timeout": "120s"}
    with explained():
        found: store.ObjectStore = store.from_url(
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
        # Only here: few have a profile, and it takes a tenth of a second to import.
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415
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
