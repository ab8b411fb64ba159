"""Chromium, as people look at a page."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Dialog, Page

__all__ = ["HOSTILE", "Visit", "visited"]

HOSTILE = "</script><script>alert(1)</script><b onclick='x'>\"&lt;\n\u2028%{x}<a href='https://example.org'>"


@dataclass
class Visit:
    page: Page
    console: list[str] = field(default_factory=list)
    """What pages said in the console and in dialogs."""

    requests: list[str] = field(default_factory=list)

    def dismiss(self, dialog: Dialog) -> None:
        """Note what a dialog says, and close it."""
        self.console.append(dialog.message)
        dialog.dismiss()

    def copied(self) -> str:
        """Return what was copied."""
        return str(self.page.evaluate("navigator.clipboard.readText()"))


@contextmanager
def visited(browser: Browser, url: str, **manner: Any) -> Iterator[Visit]:
    """Open a page, and check in the end that no request left its site, and that nothing was said.

    :param manner: of the browser's context
    """
    context = browser.new_context(**manner)
    visit = Visit(context.new_page())
    context.on("request", lambda request: visit.requests.append(request.url))
    context.on("console", lambda message: visit.console.append(message.text))
    context.on("weberror", lambda error: visit.console.append(str(error.error)))
    context.on("dialog", visit.dismiss)
    visit.page.goto(url)
    yield visit
    assert [each for each in visit.requests if not each.startswith((url, "data:", "blob:"))] == []
    assert visit.console == []
    context.close()
