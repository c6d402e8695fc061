"""Forms check what they will probably cost, with a script while values change, and by a button without."""

import time
from typing import Any

import httpx2
import pytest

from tests.browser.road import Road
from tests.browser.visitor import PATIENCE_MS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(5_400)]

SHOWS = "(text) => document.getElementById('estimate').innerText.includes(text)"
CHANGED = "(text) => document.getElementById('estimate').innerText !== text"


@pytest.fixture(scope="session")
def predicted(address: str, road: Road) -> Road:
    """Wait until the service predicts batches by the finished ones: the reconciler adds up their costs."""
    body = {"fit": road.fit.rpartition("/")[2], "n": 8}
    end = time.monotonic() + PATIENCE_MS / 1_000
    while time.monotonic() < end:
        answer = httpx2.post(f"{address}/v1/batches?validate_only=true", json=body).json()
        if answer["estimate"]["num_jobs"]:
            return road
        time.sleep(1)
    raise AssertionError("the service does not predict the cost of a batch")


def test_a_changed_field_changes_the_estimate(visitor: Visitor, predicted: Road) -> None:
    """The form of a chosen fit shows its estimate at once, and another number of samples another one."""
    page = visitor.open(f"/ui/batches/new?fit={predicted.fit.rpartition('/')[2]}")
    page.wait_for_function(SHOWS, arg="similar job")
    page.evaluate("window.isSamePage = true")
    first = page.inner_text("#estimate")
    page.fill("#n", "123456")
    page.wait_for_function(CHANGED, arg=first)
    assert "about" in page.inner_text("#estimate")
    page.select_option("#fit", "")
    page.wait_for_function(SHOWS, arg="Still missing: fit")
    assert page.evaluate("window.isSamePage") is True
    assert visitor.flaws() == []


def test_an_error_comes_and_goes_at_its_field(visitor: Visitor, predicted: Road) -> None:
    """The script marks the field for eyes and for screen readers, and keeps what is typed."""
    page = visitor.open(f"/ui/batches/new?fit={predicted.fit.rpartition('/')[2]}")
    page.fill("#n", "0")
    page.wait_for_selector("#n[aria-invalid]")
    assert page.inner_text("#n-errors")
    assert page.input_value("#n") == "0"
    assert visitor.flaws() == []
    page.fill("#n", "8")
    page.wait_for_selector("#n:not([aria-invalid])")
    page.wait_for_function(SHOWS, arg="similar job")
    assert not page.is_visible("#n-errors")


def test_the_button_checks_without_opening_a_page(visitor: Visitor) -> None:
    """A checkpoint may be large, so its form is checked when the button is pressed."""
    page = visitor.open("/ui/generators/new")
    page.evaluate("window.isSamePage = true")
    page.fill("#name", "faces")
    page.get_by_role("button", name="Check", exact=True).click()
    page.wait_for_function(SHOWS, arg="Still missing: file")
    assert page.evaluate("window.isSamePage") is True
    assert page.get_by_role("button", name="Import", exact=True).is_enabled()


def test_a_check_without_scripts_keeps_the_form(
    browser: Any, address: str, predicted: Road
) -> None:
    """The second button shows the estimate, or the errors beside their fields, on the same page."""
    visitor = Visitor(browser, address, has_scripts=False)
    page = visitor.open("/ui/batches/new")
    page.select_option("#fit", predicted.fit.rpartition("/")[2])
    page.fill("#n", "9")
    page.get_by_role("button", name="Check", exact=True).click()
    assert "From" in page.inner_text("#estimate")
    assert page.input_value("#n") == "9"
    assert visitor.troubles == []
    page.fill("#n", "0")
    page.get_by_role("button", name="Check", exact=True).click()
    assert "This cannot start yet" in page.inner_text("main")
    assert page.inner_text("#n-errors")
    visitor.close()
