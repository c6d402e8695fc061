"""The page of a report and its plots."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from contracts.evaluations.report import EvaluationReport
from contracts.schemas import LabelSchema
from tests.workers.evaluating.confusions import PORTRAITS, HeldOut, arm
from workers.evaluating.html import render_html
from workers.evaluating.plots import Axis, plot_files
from workers.evaluating.reporting import Scores, build_report

NAMES = ("<script>alert(1)</script>", '"quoted" & more', *(f"c{n}" for n in range(9)))


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    """Return a report with all plots, on classes with hostile names."""
    rng = np.random.default_rng(0)
    held_out = HeldOut.drawn(40, rng)
    scores: Scores = {
        ("real", 0): arm(held_out, rng),
        ("mixed", 100): arm(held_out, rng),
        ("mixed", 200): arm(held_out, rng, loss=-0.3),
        ("labelled", 150): arm(held_out, rng, loss=-0.5),
        ("oracle", 0): arm(held_out, rng, loss=-0.9),
    }
    assert len(NAMES) == len(PORTRAITS.shares)
    return build_report(scores, LabelSchema(classes=NAMES), num_draws=100)


def test_the_page_is_self_contained(report: EvaluationReport) -> None:
    """No script, no link, no request: the file works from a mail or an archive."""
    page = render_html(report, title="<b>Faces</b>", facts={"fit": "<i>fit_1</i>"})
    for forbidden in (
        "<script",
        'http-equiv="refresh',
        "src=",
        "href=",
        "url(",
        "@import",
        "<i>",
        "<b>Faces",
    ):
        assert forbidden not in page
    assert page.count("http") == page.count("http://www.w3.org/2000/svg") + page.count("http-equiv")


def test_texts_of_users_are_escaped(report: EvaluationReport) -> None:
    """Class names, the title and facts are shown as text."""
    page = render_html(report, title="<b>Faces</b>", facts={"fit": "<i>fit_1</i>"})
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;Faces&lt;/b&gt;" in page
    assert "&lt;i&gt;fit_1&lt;/i&gt;" in page


def test_the_page_shows_verdict_warnings_and_plots(report: EvaluationReport) -> None:
    """All sentences and three pictures are there."""
    page = render_html(report)
    assert page.count("<svg") == 3
    assert "40 held-out images are too few" in page
    assert report.verdict[0] in page
    assert "prefers-color-scheme:dark" in page


def test_own_images_are_a_level_of_the_curve(report: EvaluationReport) -> None:
    """They have no curve, so a line shows whether generated pairs reach them."""
    curve = plot_files(report)["segmentation-curves.svg"].decode()
    assert curve.count("own images + real") == 1
    assert "s-labelled" in curve


def test_plots_are_svg_and_png_files(report: EvaluationReport) -> None:
    """Each SVG is well-formed and each PNG opens, twice as large."""
    files = plot_files(report)
    assert sorted(files) == [
        f"segmentation-{name}.{kind}"
        for name in ("curves", "differences", "scores")
        for kind in ("png", "svg")
    ]
    for name, data in files.items():
        if name.endswith(".svg"):
            width = float(ET.fromstring(data).attrib["width"])
            png = Image.open(io.BytesIO(files[name.replace(".svg", ".png")]))
            assert png.width == round(2 * width)


def test_a_report_of_one_arm_has_a_page() -> None:
    """Nothing is compared, and the page says so."""
    rng = np.random.default_rng(0)
    scores: Scores = {("real", 0): arm(HeldOut.drawn(60, rng), rng)}
    page = render_html(build_report(scores, LabelSchema(classes=NAMES), num_draws=100))
    assert "Nothing was compared." in page
    assert page.count("<svg") == 1


def test_axes_have_round_ticks() -> None:
    """Ticks lie inside the axis, at 1, 2 or 5 times a power of ten."""
    axis = Axis.around([0.43, 0.61], 0, 100)
    assert axis.ticks == pytest.approx([0.45, 0.5, 0.55, 0.6])
    assert Axis.around([0.5], 0, 100).at(0.5) == 50
