"""A real browser on a real service. `make browser-check` installs Playwright; Chromium must be on PATH.

HANDSOFF_CHECK_ADDRESS names a running service instead of a new one; its newest resources are used if it has some of
each kind. HANDSOFF_SHOTS names a folder for screenshots.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples.demo.stack import EVALUATING_WORKERS, Stack
from tests.browser.road import Maker, Road
from tests.browser.visitor import Visitor, open_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium. Skips without Playwright or Chromium."""
    with open_browser() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def address(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the whole service and return its address."""
    given = os.environ.get("HANDSOFF_CHECK_ADDRESS")
    if given:
        yield given
        return
    with Stack(tmp_path_factory.mktemp("browser")) as stack:
        stack.start(EVALUATING_WORKERS)
        yield stack.address


@pytest.fixture(scope="session")
def road(address: str, tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Return one resource of each kind."""
    with httpx2.Client(base_url=address, timeout=120) as client:
        maker = Maker(client)
        return maker.newest() or maker.make(tmp_path_factory.mktemp("road"))


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
