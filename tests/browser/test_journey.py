"""The whole road on the page alone: own images in, a fit with live progress, labelled images out."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from examples.demo.demo import render_labelset
from tests.browser.visitor import PHONE, WIDE, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(5_400)]

MINUTES = 60_000
"""In milliseconds, as Playwright counts."""
FIT_LIMIT = 30 * MINUTES
NUM_SAMPLES = 24

# The number of pixels of a layer that are not transparent.
DRAWN = """(id) => {
  const source = document.getElementById(id), canvas = document.createElement("canvas");
  canvas.width = source.naturalWidth || source.width;
  canvas.height = source.naturalHeight || source.height;
  const context = canvas.getContext("2d");
  context.drawImage(source, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return data.filter((value, place) => place % 4 === 3 && value > 0).length;
}"""


@dataclass(frozen=True)
class Road:
    """The addresses of what the journey created."""

    labelset: str
    fit: str
    batch: str

    @property
    def pages(self) -> tuple[str, ...]:
        """Return every page with content, and every form."""
        nouns = ("labelsets", "generators", "fits", "batches", "streams", "labelings")
        return (
            *("/ui", *(f"/ui/{noun}" for noun in (*nouns, "evaluations"))),
            *(f"/ui/{noun}/new" for noun in (*nouns, "evaluations")),
            "/ui/generators/train",
            "/ui/generators/portraits-64",
            *(self.labelset, f"{self.labelset}/images/0"),
            *(self.fit, f"{self.fit}/delete"),
            *(self.batch, f"{self.batch}/samples", f"{self.batch}/samples/3"),
        )


def upload(visitor: Visitor, folder: Path) -> str:
    """Choose single files as a person does, wait for the check, and send the form."""
    page = visitor.open("/ui/labelsets/new")
    page.set_input_files("#images", sorted((folder / "images").iterdir()))
    page.set_input_files("#masks", sorted((folder / "masks").iterdir()))
    page.fill("#name", "portraits")
    schema = (folder / "labelset.json").read_text()
    classes = re.search(r'"classes":\s*\[([^\]]*)\]', schema)
    assert classes is not None
    page.fill("#classes", classes[1].replace('"', "").replace("\n", " "))
    page.press("#classes", "Tab")
    page.wait_for_selector("#checked .notice.good")
    page.click("button.main")
    page.wait_for_url("**/ui/labelsets/labelset_*")
    return path_of(page)


def fit(visitor: Visitor, labelset: str) -> str:
    """Fit the labelset, and watch the progress without opening the page again."""
    page = visitor.open(labelset)
    page.click("text=New fit")
    page.select_option("#generator", "portraits-64")
    page.fill("#name", "from the page")
    page.click("summary")
    page.uncheck("#options-estimate")
    page.click("button.main")
    page.wait_for_selector("#progress progress", timeout=FIT_LIMIT)
    page.evaluate("window.isSamePage = true")
    shown = page.inner_text("#progress")
    page.wait_for_function(
        "(text) => document.getElementById('progress').innerText !== text", arg=shown
    )
    assert page.evaluate("window.isSamePage") is True
    page.wait_for_selector("#progress .pill.succeeded", timeout=FIT_LIMIT)
    page.wait_for_selector("text=Quality by class")
    return path_of(page)


def render(visitor: Visitor, fitted: str) -> str:
    """Request a batch from the page of a fit."""
    page = visitor.open(fitted)
    page.click("text=New batch")
    page.fill("#n", str(NUM_SAMPLES))
    page.click("button.main")
    page.wait_for_selector("#progress .pill.succeeded", timeout=FIT_LIMIT)
    page.wait_for_selector("text=Open gallery")
    return path_of(page)


def path_of(page: Any) -> str:
    """Return the path of the open page."""
    return "/" + str(page.url).split("/", 3)[3]


@pytest.fixture(scope="module")
def road(browser: Any, address: str, tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Walk the whole road once."""
    folder = render_labelset(tmp_path_factory.mktemp("labels") / "labels", 8)
    visitor = Visitor(browser, address)
    labelset = upload(visitor, folder)
    fitted = fit(visitor, labelset)
    batch = render(visitor, fitted)
    visitor.close()
    assert visitor.troubles == []
    return Road(labelset, fitted, batch)


def test_the_gallery_has_labels(visitor: Visitor, road: Road) -> None:
    """The overlay of every sample on the first page of the gallery is not empty."""
    page = visitor.open(f"{road.batch}/samples")
    page.wait_for_load_state("networkidle")
    overlays = page.locator(".pair .over")
    assert overlays.count() == NUM_SAMPLES
    for place in range(0, NUM_SAMPLES, 6):
        page = visitor.open(f"{road.batch}/samples/{place}")
        page.wait_for_selector("#viewer[data-ready]")
        assert page.evaluate(DRAWN, "classes") > 200


def test_classes_and_opacity_change_the_overlay(visitor: Visitor, road: Road) -> None:
    """Without any class nothing is drawn; with the opacity at 0 nothing is seen; uncertainty is a separate layer."""
    page = visitor.open(f"{road.batch}/samples/0")
    page.wait_for_selector("#viewer[data-ready]")
    all_pixels = page.evaluate(DRAWN, "classes")
    boxes = page.locator(".legend input:checked")
    page.locator(".legend input:checked").first.uncheck()
    fewer = page.evaluate(DRAWN, "classes")
    assert 0 < fewer < all_pixels
    while boxes.count():
        boxes.first.uncheck()
    assert page.evaluate(DRAWN, "classes") == 0
    page.locator(".legend input").nth(1).check()
    page.locator("#opacity").fill("0")
    assert page.evaluate(DRAWN, "classes") == 0
    assert not page.is_visible("#heat")
    page.check("#show-heat")
    assert page.is_visible("#heat")
    assert page.evaluate(DRAWN, "heat") > 0


def test_keys_turn_pages_and_zoom(visitor: Visitor, road: Road) -> None:
    """Arrows open the neighbours, plus and minus enlarge to whole pixels."""
    page = visitor.open(f"{road.batch}/samples/1")
    page.wait_for_selector("#viewer[data-ready]")
    for _ in range(3):
        page.keyboard.press("+")
    assert page.evaluate("document.querySelector('.picture').offsetWidth") == 4 * 64
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**{road.batch}/samples/2")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**{road.batch}/samples/1")


def test_a_fit_is_cancelled(visitor: Visitor, road: Road) -> None:
    """The button ends a job, and the page follows without being opened again."""
    page = visitor.open(f"/ui/fits/new?labelset={road.labelset.rpartition('/')[2]}")
    page.select_option("#generator", "portraits-64")
    page.click("button.main")
    page.wait_for_selector("#progress")
    page.click("text=Cancel")
    page.wait_for_selector("#progress .pill.cancelled")


def test_errors_of_files_are_shown_at_once(visitor: Visitor, tmp_path: Path) -> None:
    """A file that cannot be used is named before anything is sent for good."""
    bad = tmp_path / "face.png"
    bad.write_bytes(b"no picture")
    page = visitor.open("/ui/labelsets/new")
    page.set_input_files("#images", bad)
    page.wait_for_selector("#checked .notice.bad")
    assert "Expected" in page.inner_text("#checked") or "face" in page.inner_text("#checked")


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
        name = re.sub(r"_[0-9a-f]{32}", "", path).strip("/").replace("/", "-")
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
        road.labelset: "Share of pixels",
        road.fit: "Quality by class",
        road.batch: "In candidates",
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
    page = visitor.open("/ui/fits/new")
    page.click("button.main")
    assert "Nothing was created" in page.inner_text("main")
    visitor.close()
