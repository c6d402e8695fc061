"""Every page in a browser: the viewer, light and dark, phones, axe, and without scripts."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.road import NUM_SAMPLES, Road
from tests.browser.visitor import DRAWN, PHONE, WIDE, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(5_400)]


def test_the_gallery_has_labels(visitor: Visitor, road: Road) -> None:
    """The overlay of every sample on the first page of the gallery is not empty."""
    page = visitor.open(f"{road.batch}/samples")
    page.wait_for_load_state("networkidle")
    assert page.locator(".pair .over").count() == NUM_SAMPLES
    for place in range(0, NUM_SAMPLES, 6):
        page = visitor.open(f"{road.batch}/samples/{place}")
        page.wait_for_selector("#viewer[data-ready]")
        assert page.evaluate(DRAWN, "classes") > 200


def test_a_filter_is_sent(visitor: Visitor, road: Road) -> None:
    """The form's address has the filter, and the page its result."""
    page = visitor.open(f"{road.batch}/samples")
    page.select_option("#contains", "skin")
    page.fill("#least", "0.001")
    page.click("text=Filter")
    page.wait_for_url("**contains=skin**")
    assert "found in" in page.inner_text("main")


def test_classes_and_opacity_change_the_overlay(visitor: Visitor, road: Road) -> None:
    """Without any class nothing is drawn; with the opacity at 0 nothing is seen; uncertainty is a separate layer."""
    page = visitor.open(f"{road.batch}/samples/0")
    page.wait_for_selector("#viewer[data-ready]")
    all_pixels = page.evaluate(DRAWN, "classes")
    boxes = page.locator(".legend input:checked")
    page.uncheck("#class-1")
    assert 0 < page.evaluate(DRAWN, "classes") < all_pixels
    while boxes.count():
        boxes.first.uncheck()
    assert page.evaluate(DRAWN, "classes") == 0
    page.check("#class-1")
    page.locator("#opacity").fill("0")
    assert page.evaluate(DRAWN, "classes") == 0
    assert not page.is_visible("#heat")
    page.check("#show-heat")
    assert page.is_visible("#heat")
    assert page.evaluate(DRAWN, "heat") > 0


def test_keys_turn_pages_and_zoom(visitor: Visitor, road: Road) -> None:
    """Arrows open the neighbours, plus and minus enlarge to whole pixels, the pointer names the class."""
    page = visitor.open(f"{road.batch}/samples/1")
    page.wait_for_selector("#viewer[data-ready]")
    for _ in range(3):
        page.keyboard.press("+")
    assert page.evaluate("document.querySelector('.picture').offsetWidth") == 4 * 64
    page.hover("#stage", position={"x": 20, "y": 20})
    assert re.fullmatch(r"(\d+, \d+: .+)?", page.inner_text("#pixel"))
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**{road.batch}/samples/2")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**{road.batch}/samples/1")


def test_a_walk_is_drawn_and_played(visitor: Visitor) -> None:
    """A change of the form draws its sheet without opening the page again; the slider shows other steps."""
    page = visitor.open("/ui/generators/portraits-64/explore")
    page.wait_for_selector("#sheet img")
    page.evaluate("window.isSamePage = true")
    page.select_option("#view", "walk")
    page.wait_for_selector(".walk canvas")
    first = page.evaluate("document.querySelector('.walk canvas').toDataURL()")
    page.locator("#step").fill("12")
    assert page.evaluate("document.querySelector('.walk canvas').toDataURL()") != first
    assert page.evaluate("window.isSamePage") is True


def test_the_curve_of_a_fit_is_drawn_and_read(visitor: Visitor, road: Road) -> None:
    """A line for eyes, a name for screen readers, and each point as a row of a table."""
    page = visitor.open(road.fit)
    picture = page.get_by_role("img", name="Loss by step of the training")
    assert picture.bounding_box()["height"] > 100
    points = page.get_attribute(".plot .line", "points").split()
    assert len(points) > 1
    assert points[-1].startswith("1000.0,")
    page.click("text=The curve as a table")
    assert page.locator("details.numbers tbody tr").count() == len(points)
    assert visitor.flaws() == []


def test_the_report_is_shown_without_scripts(visitor: Visitor, road: Road) -> None:
    """The frame has the report, with its style and pictures, and runs nothing."""
    page = visitor.open(road.evaluation)
    page.locator("iframe").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe.report")
    frame.locator("h1").wait_for()
    assert frame.locator("script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_page_is_accessible_and_fits(
    *, browser: Any, address: str, road: Road, shots: Path, scheme: str, size: tuple[int, int]
) -> None:
    """Axe finds nothing, nothing is wider than the window, and no console has an error."""
    visitor = Visitor(browser, address, size=size, scheme=scheme)
    for path in road.pages:
        page = visitor.open(path)
        page.wait_for_load_state("load")
        name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"_[0-9a-f]{32}", "", path)).strip("-")
        page.screenshot(path=shots / f"{name}-{scheme}-{size[0]}.png", full_page=True)
        assert visitor.flaws() == [], path
        assert visitor.width() <= size[0], path
    visitor.close()
    assert visitor.troubles == []


def test_the_dark_page_is_dark(browser: Any, address: str) -> None:
    """The colors follow the system."""
    brightness = {}
    for scheme in ("light", "dark"):
        visitor = Visitor(browser, address, scheme=scheme)
        color = visitor.open("/ui").evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(map(int, re.findall(r"\d+", color)[:3])) / 3
        visitor.close()
    assert brightness["dark"] < 60
    assert brightness["light"] > 200


def test_every_page_shows_its_facts_without_scripts(browser: Any, address: str, road: Road) -> None:
    """Lists, scores, pictures and overlays are readable, and forms can be sent."""
    visitor = Visitor(browser, address, has_scripts=False)
    facts = {
        "/ui": "Workers and queues",
        "/ui/usage": "Rendered pairs",
        "/ui/workers": "Nothing waits",
        road.labelset: "Share of pixels",
        road.fit: "Quality by class",
        road.batch: "In candidates",
        road.evaluation: "Verdict",
        f"{road.batch}/samples/0": "uncertainty, bright is uncertain",
    }
    for path in road.pages:
        page = visitor.open(path)
        assert page.inner_text("h1")
        assert facts.get(path, "") in page.inner_text("main")
    page = visitor.open(f"{road.batch}/samples/0")
    assert page.is_visible("#image")
    assert page.is_visible("#mask")
    assert not page.is_visible("#controls")
    page = visitor.open(road.fit)
    assert page.is_visible(".plot .line")
    page = visitor.open("/ui/fits/new")
    page.click("button.main")
    assert "Nothing was created" in page.inner_text("main")
    visitor.close()
