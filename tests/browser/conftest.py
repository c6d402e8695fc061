"""A real browser on a real service. `make browser-check` installs Playwright; Chromium must be on PATH.

HANDSOFF_CHECK_ADDRESS names a running service instead of a new one. HANDSOFF_SHOTS names a folder for screenshots.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.demo.stack import Stack
from tests.browser.visitor import Visitor

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium. Skips without Playwright or Chromium."""
    api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"expected one of {', '.join(BROWSERS)} on PATH, found none")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def address(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the whole service and return its address."""
    given = os.environ.get("HANDSOFF_CHECK_ADDRESS")
    if given:
        yield given
        return
    with Stack(tmp_path_factory.mktemp("browser")) as stack:
        stack.start()
        yield stack.address


@pytest.fixture
def visitor(browser: Any, address: str) -> Iterator[Visitor]:
    """Open a new window. At the end it must have no error in its console and no violation of the policy."""
    visitor = Visitor(browser, address)
    yield visitor
    visitor.close()
    assert visitor.troubles == []


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of screenshots."""
    given = os.environ.get("HANDSOFF_SHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
