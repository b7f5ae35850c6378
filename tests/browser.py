"""A real Chromium for the tests, and what a visit to the page must never do: ask another host, complain."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

WIDE: Final[ViewportSize] = {"width": 1400, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
_ARGUMENTS: Final = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own one, as tools/stack/requirements.sh finds it."""
    program = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    assert program is not None, "there is no Chromium: make browser installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass(frozen=True, slots=True)
class Visit:
    """One tab on the page, and what was seen of its network and console."""

    page: Page
    url: str  # of the service, without a slash at its end
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str = "#/") -> None:
        """Go to a view by its address, as somebody with a link would."""
        self.page.goto(f"{self.url}/{address}")

    def check(self, expected: str | None = None) -> None:
        """Fail if another host was asked, or if there were complaints but for the expected ones (a pattern)."""
        own = urlsplit(self.url).netloc
        assert {urlsplit(url).netloc for url in self.asked} == {own}
        assert [text for text in self.complaints if expected is None or not re.search(expected, text)] == []


@contextmanager
def visit(
    browser: Browser,
    url: str,
    *,
    size: ViewportSize = WIDE,
    scheme: Literal["dark", "light"] = "light",
    expected: str | None = None,
) -> Iterator[Visit]:
    """A tab of its own, without memory of others. `expected` is what its console may complain about."""
    context = browser.new_context(viewport=size, color_scheme=scheme, locale="en-GB")
    context.set_default_timeout(30_000)
    page = context.new_page()
    visited = Visit(page, url)
    page.on("request", lambda request: visited.asked.append(request.url))
    page.on("pageerror", lambda error: visited.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: visited.complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    yield visited
    visited.check(expected)
    context.close()
