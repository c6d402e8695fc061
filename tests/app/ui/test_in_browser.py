"""The page in Chromium, briefly: overlays with pixels, toggles, the report's frame, phones, dark, axe, no script.

Skipped without Playwright or Chromium. `make browser-check` walks every page of a whole service.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from contracts.jobs import JobRef
from tests.app.ui.rendered import Render
from tests.browser.visitor import DRAWN, PHONE, WIDE, Visitor, open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium for this module alone: its event loop must not outlive it."""
    with open_browser() as chromium:
        yield chromium


@pytest.fixture
def visitor(browser: Any, client: httpx2.Client) -> Iterator[Visitor]:
    """Open a window on the app. It must end without an error or a violation of the policy."""
    visitor = Visitor(browser, str(client.base_url).rstrip("/"))
    yield visitor
    visitor.close()
    assert visitor.troubles == []


def test_the_viewer_draws_and_hides_classes(visitor: Visitor, batch_id: str) -> None:
    """The lower half of the 8 x 8 px sample is drawn, and the box of its class hides it."""
    page = visitor.open(f"/ui/batches/{batch_id}/samples/1")
    page.wait_for_selector("#viewer[data-ready]")
    assert page.evaluate(DRAWN, "classes") == 32
    page.uncheck("#class-2")
    assert page.evaluate(DRAWN, "classes") == 0
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/samples/2")
    assert visitor.flaws() == []


@pytest.mark.parametrize(
    ("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"]
)
def test_pages_are_accessible_and_fit(
    browser: Any, client: httpx2.Client, render: Render, size: tuple[int, int], scheme: str
) -> None:
    """Axe finds nothing, and nothing is wider than the window."""
    batch_id, other = render(), render()
    visitor = Visitor(browser, str(client.base_url).rstrip("/"), size=size, scheme=scheme)
    for path in (
        "/ui",
        "/ui/workers",
        "/ui/usage",
        f"/ui/batches/{batch_id}",
        f"/ui/batches/{batch_id}/samples?contains=hair",
        f"/ui/batches/{batch_id}/compare?with={other}",
    ):
        visitor.open(path)
        assert visitor.flaws() == [], path
        assert visitor.width() <= size[0], path
    visitor.close()
    assert visitor.troubles == []


def test_the_report_is_framed_without_scripts(
    visitor: Visitor, evaluation: JobRef, finish_evaluation: Callable[[str], None]
) -> None:
    """The policy lets the frame load the report, and nothing of it runs."""
    finish_evaluation(evaluation.id)
    page = visitor.open(f"/ui/evaluations/{evaluation.id}")
    page.locator("iframe").scroll_into_view_if_needed()
    page.frame_locator("iframe.report").locator("body").wait_for(state="attached")


def test_facts_are_readable_without_scripts(
    browser: Any, client: httpx2.Client, batch_id: str
) -> None:
    """Image and overlay are pictures, and a filter is a plain form."""
    visitor = Visitor(browser, str(client.base_url).rstrip("/"), has_scripts=False)
    page = visitor.open(f"/ui/batches/{batch_id}/samples")
    page.select_option("#contains", "hair")
    page.click("text=Filter")
    assert "4 found in 1 to 8 of 8" in page.inner_text("main")
    page.click(".pair >> nth=0")
    assert page.is_visible("#mask")
    assert "Sample 2 of 8" in page.inner_text("h1")
    visitor.close()
