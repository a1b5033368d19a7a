"""Chromium, driven by Playwright."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"  # Debian's; Playwright's own can't be had everywhere
OPTIONS = [
    "--no-sandbox",  # it does not start as root otherwise
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LIMIT = 60_000  # milliseconds; nothing takes as long, on however slow a machine


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: as long as it is there, its event loop is in the way of asynchronous tests."""
    expect.set_options(timeout=LIMIT)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=OPTIONS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A fresh page; what its console complains about fails the test, a screenshot is left in the test's directory."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    fresh = context.new_page()
    complaints: list[str] = []
    fresh.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    fresh.on("pageerror", lambda error: complaints.append(str(error)))
    yield fresh
    fresh.screenshot(path=tmp_path / "page.png", full_page=True)
    context.close()
    assert complaints == []
