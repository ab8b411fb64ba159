"""The type of ``serve``: how ``minimirror serve`` offers the mirror."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    WithJsonSchema,
)

from minimirror.common import quoted
from minimirror.config.numbers import Age
from minimirror.config.paths import FilePath

__all__ = ["ServeSettings"]

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value.strip() if isinstance(value, str) else "", strict=False)
    except ValueError:
        shown = quoted(value) if isinstance(value, str) else "it"
        raise ValueError(f'{shown} must be an IP address or a network such as "10.0.0.0/8"') from None


def _port(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:  # noqa: PLR2004
        raise ValueError("must be a port, from 0 (any free one) to 65535")
    return value


class ServeSettings(BaseModel):
    """How ``minimirror serve`` offers the mirror."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, title="serve")

    host: str = Field(default="127.0.0.1", examples=["0.0.0.0"])  # noqa: S104
    """The address to listen on; `0.0.0.0` for all."""

    port: Annotated[int, BeforeValidator(_port)] = Field(default=8080, examples=[8000])
    """The port to listen on; 0 for any free one."""

    htpasswd: FilePath | None = Field(default=None, examples=["uploaders.htpasswd"])
    """Allow the users in this Apache htpasswd file to upload."""

    certificate: FilePath | None = Field(default=None, examples=["/etc/ssl/mirror.pem"])
    """Serve https with this certificate: a PEM file with its chain."""

    key: FilePath | None = Field(default=None, examples=["/etc/ssl/mirror.key"])
    """The certificate's key, if it is in another file."""

    trusted_proxies: tuple[
        Annotated[
            IPv4Network | IPv6Network,
            BeforeValidator(_network),
            PlainSerializer(str),
            WithJsonSchema({"type": "string"}),
        ],
        ...,
    ] = Field(default=_LOOPBACK, examples=[["10.0.0.5", "10.1.0.0/16"]])
    """Addresses and networks of the proxies whose `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix` are
    accepted. The default is the same machine."""

    on_demand: StrictBool = Field(default=False, examples=[True])
    """Fetch missing projects from the index when clients ask for them, and keep what clients download."""

    on_demand_fresh: Age = Field(default=1800.0, examples=["1 hour"])
    """How long to use the index's page of such a project before asking the index again."""

    on_demand_keep: Age = Field(default=90 * 86400.0, examples=["1 year"])
    """How long to keep a file that was fetched on demand after its last download; 0 keeps it forever."""

    redirect: StrictBool = Field(default=True, examples=[False])
    """For a mirror in a bucket: redirect clients to the store for files, with a URL that is signed for five
    minutes. If false, or if the store cannot sign URLs, the server passes the bytes on."""

    contact: str | None = Field(default=None, max_length=200, examples=["packaging@example.org"])
    """Whom to ask about the mirror: a name, an e-mail address or a URL. It is shown on the welcome page and
    on the pages of missing projects."""
