"""The whole road on the page alone: own images in, a fit with live progress, a labelled data set out; timed."""

import re
import time
import zipfile
from pathlib import Path

import pytest

from examples.demo.demo import render_labelset
from tests.browser.visitor import PATIENCE_MS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(5_400)]

NUM_IMAGES = 8
NUM_SAMPLES = 24
NUM_STEPS = 150
"""A tenth of the usual training: this test looks at the page, not at the labels."""
LIMIT = 3 * PATIENCE_MS


def upload(visitor: Visitor, folder: Path) -> str:
    """Choose single files as a person does, wait for the check, and send the form. Return the labelset's page."""
    page = visitor.open("/ui")
    page.click("nav >> text=Labelsets")
    page.click("text=Upload a labelset")
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
    return visitor.path


def fit(visitor: Visitor) -> None:
    """Fit the labelset whose page is open, and watch the progress without opening the page again."""
    page = visitor.page
    page.click("text=New fit")
    page.select_option("#generator", "portraits-64")
    page.fill("#name", "from the page")
    page.click("summary")
    page.uncheck("#options-estimate")
    page.fill("#options-ensemble-steps", str(NUM_STEPS))
    page.click("button.main")
    page.wait_for_selector("#progress progress", timeout=LIMIT)
    page.evaluate("window.isSamePage = true")
    shown = page.inner_text("#progress")
    page.wait_for_function(
        "(text) => document.getElementById('progress').innerText !== text", arg=shown
    )
    assert page.evaluate("window.isSamePage") is True
    page.wait_for_selector("#progress .pill.succeeded", timeout=LIMIT)
    page.wait_for_selector("text=Quality by class")


def render(visitor: Visitor) -> None:
    """Request a batch from the page of the fit, which is open, and wait for its gallery."""
    page = visitor.page
    page.click("text=New batch")
    page.fill("#n", str(NUM_SAMPLES))
    page.click("button.main")
    page.wait_for_selector("#progress .pill.succeeded", timeout=LIMIT)
    page.wait_for_selector("text=Open gallery")


def download(visitor: Visitor, folder: Path) -> list[str]:
    """Take the batch home as folders. Return the names of the files."""
    with visitor.page.expect_download(timeout=LIMIT) as started:
        visitor.page.click("text=folder")
    path = folder / "data.zip"
    started.value.save_as(path)
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_own_images_in_and_a_data_set_out(visitor: Visitor, shots: Path, tmp_path: Path) -> None:
    """Nothing but the page is used, and the time of each part is kept beside the screenshots."""
    folder = render_labelset(tmp_path / "labels", NUM_IMAGES)
    parts: dict[str, float] = {}
    begun = time.monotonic()

    def note(part: str) -> None:
        parts[part] = time.monotonic() - begun - sum(parts.values())

    upload(visitor, folder)
    note("upload")
    fit(visitor)
    note("fit")
    render(visitor)
    note("batch")
    names = download(visitor, tmp_path)
    note("download")
    assert sum(name.endswith(".png") and "images/" in name for name in names) == NUM_SAMPLES
    lines = [f"{part} {seconds:.0f} s" for part, seconds in parts.items()]
    (shots / "newcomer.txt").write_text("\n".join(lines) + "\n")


def test_a_fit_is_cancelled(visitor: Visitor, tmp_path: Path) -> None:
    """The button ends a job, and the page follows without being opened again."""
    upload(visitor, render_labelset(tmp_path / "labels", 4))
    page = visitor.page
    page.click("text=New fit")
    page.select_option("#generator", "portraits-64")
    page.click("button.main")
    page.wait_for_selector("#progress")
    page.click("text=Cancel")
    page.wait_for_selector("#progress .pill.cancelled", timeout=LIMIT)


def test_errors_of_files_are_shown_at_once(visitor: Visitor, tmp_path: Path) -> None:
    """A file that cannot be used is named before anything is sent for good."""
    bad = tmp_path / "face.png"
    bad.write_bytes(b"no picture")
    page = visitor.open("/ui/labelsets/new")
    page.set_input_files("#images", bad)
    page.wait_for_selector("#checked .notice.bad")
    assert "Expected" in page.inner_text("#checked") or "face" in page.inner_text("#checked")
