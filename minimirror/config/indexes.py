"""The type of an entry in ``indexes``: a separate index for some projects."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
)

from minimirror.common import quoted
from minimirror.config.patterns import ProjectPattern
from minimirror.config.urls import PLAIN_URL, comparable_url, is_page, page_url
from minimirror.config.words import Some, matching

__all__ = ["Indexes", "NamedIndex"]


def _name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text):
        raise ValueError('must be a name such as "pytorch": letters, digits, ".", "_" and "-"')
    return text


class NamedIndex(BaseModel):
    """An additional index for certain projects."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, title="index")

    name: Annotated[str, BeforeValidator(_name), matching(r"^\s*[A-Za-z0-9][A-Za-z0-9._-]*\s*$")] = Field(
        examples=["pytorch"]
    )
    """The name of the index, for messages."""

    url: Annotated[str, PlainValidator(page_url), matching(PLAIN_URL)] = Field(
        repr=False, examples=["https://wheels.example.org/whl/cpu/"]
    )
    """The URL of the index's simple API, or of a page of links. It may include credentials."""

    projects: Some[ProjectPattern] = Field(examples=[["torch", "torchvision", "re:nvidia-.*"]])
    """The projects that come from this index: names, globs and regular expressions (`re:…`)."""

    kind: Literal["simple", "find-links"] = Field("simple", examples=["find-links"])
    """`"simple"` for the simple API, `"find-links"` for a page of links to files (pip's `--find-links`)."""

    @property
    def request_url(self) -> str:
        """The URL to request: that of the simple API ends in ``/``."""
        return self.url if self.kind != "simple" or self.url.endswith("/") else f"{self.url}/"


def _indexes(values: tuple[NamedIndex, ...], info: ValidationInfo) -> tuple[NamedIndex, ...]:
    urls = [comparable_url(each.url) for each in values]
    for key, found in (("name", [each.name for each in values]), ("URL", urls)):
        if twice := next((each for each in found if found.count(each) > 1), None):
            raise ValueError(f"two entries have the {key} {quoted(twice)}: merge them into one")
    if comparable_url(info.data.get("index_url", "")) in urls:
        raise ValueError('an entry has the URL of "index_url", where all other projects come from: remove it')
    for each in values:
        if each.kind == "simple" and is_page(each.url):
            raise ValueError(
                f"{quoted(each.url)} is a page, not an index: if it lists links to files, add"
                ' "kind": "find-links"'
            )
    return values


Indexes = Annotated[tuple[NamedIndex, ...], AfterValidator(_indexes)]
"""The list of them. No two have the same name or URL."""
