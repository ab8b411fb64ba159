"""Keys of the config: limits of requests."""

from pydantic import Field

from minimirror.config.numbers import Rate, Retries, Seconds
from minimirror.config.source_keys import Keys

__all__ = ["NetworkKeys"]


class NetworkKeys(Keys):
    """Limits of requests."""

    connect_timeout: Seconds = Field(10.0, examples=["10 s", 10])
    """How long to wait for a connection, in `s`, `minutes`, `hours` or `days`. A plain number is seconds."""

    read_timeout: Seconds = Field(30.0, examples=["1 minute"])
    """How long to wait for the next bytes of a response."""

    min_rate: Rate = Field(1000.0, examples=["5 kB/s", 5000, 0])
    """Stop a transfer that stays slower than this for `read_timeout`. A plain number is bytes per second; 0
    turns this off."""

    file_timeout: Seconds = Field(7200.0, examples=["1 hour"])
    """The maximum total time for a page or a file, including retries."""

    retries: Retries = Field(4, examples=[4, 0])
    """How often to retry a request after a temporary failure, from 0 to 100."""
