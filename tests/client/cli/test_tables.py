"""The text output for users."""

from typing import Any

from handsoff_client import Labelset
from handsoff_client.api.resources import Fit
from handsoff_client.cli import tables
from handsoff_client.http.parsing import parse
from tests.client.conftest import LABELS, job


def first_block(**more: Any) -> dict[str, str]:
    """Return the first block of a fit as names and values."""
    return dict(line.split(maxsplit=1) for line in blocks(**more)[0])


def blocks(**more: Any) -> list[list[str]]:
    """Return the blocks of a fit, each as lines."""
    fit = parse(Fit, job("fit", more.pop("status", "succeeded"), **more))
    return [block.splitlines() for block in tables.job(fit).split("\n\n")]


def test_a_table_is_as_wide_as_its_cells() -> None:
    """Columns are under their headings, and no line ends in spaces."""
    assert (
        tables.table(("ID", "N"), [("long one", 1), ("b", 20)])
        == "ID        N\nlong one  1\nb         20"
    )


def test_a_fit_shows_its_scores() -> None:
    """Each task has a score on held-out images and by estimate. A missing score has no line."""
    metrics = {
        "reconstruction_psnr_db": 24.125,
        "heldout": {"miou": 0.471234, "keypoints": None},
        "estimate": {"miou": None, "keypoints": {"pck": 0.9}, "depth": {"absrel": 0.05}},
        "advice": ["Label more hats."],
    }
    block = first_block(metrics=metrics)
    assert block["heldout_miou"] == "0.4712"
    assert (block["estimate_pck"], block["estimate_absrel"]) == ("0.9", "0.05")
    assert "estimate_miou" not in block


def test_advice_is_a_list() -> None:
    """Each sentence has its own line."""
    assert blocks(metrics={"advice": ["Label more hats.", "Add 3 images."]})[-1] == [
        "advice",
        "  - Label more hats.",
        "  - Add 3 images.",
    ]


def test_warnings_come_before_the_advice() -> None:
    """They say where generated pairs would teach badly."""
    metrics = {"warnings": ["class hat is rare."], "advice": ["Label more hats."]}
    assert blocks(metrics=metrics)[-2:] == [
        ["warnings", "  - class hat is rare."],
        ["advice", "  - Label more hats."],
    ]


def test_each_class_has_its_iou() -> None:
    """Held-out images and the estimate have a column each. A missing score is a dash."""
    metrics = {
        "heldout": {"class_iou": {"skin": 0.5, "hat": None}},
        "estimate": {"class_iou": {"skin": 0.25, "hair": 1}},
    }
    assert blocks(metrics=metrics)[1] == [
        "CLASS  HELD-OUT IOU  ESTIMATED IOU",
        "skin   0.500         0.250",
        "hat    -             -",
        "hair   -             1.000",
    ]


def test_a_labelset_shows_its_warnings() -> None:
    """They follow the counts, with the first files and the number of the others."""
    warning = {"code": "rare_class", "detail": "hat occurs once.", "files": list("abcdefg")}
    answer = {
        "id": "labelset_1",
        "name": "faces",
        "created_at": "2026-11-22T10:00:00Z",
        "digest": "0",
        "num_images": 2,
        "labels": LABELS,
        "warnings": [warning, "not one", {"code": "odd"}],
    }
    text = tables.labelset(parse(Labelset, answer))
    assert "warnings\n  - hat occurs once. (a, b, c, d, e and 2 more)" in text
    assert parse(Labelset, answer | {"warnings": None}).warnings == ()


def test_a_failed_fit_shows_why() -> None:
    """The error has the code and the message of the worker."""
    error = {"code": "worker_lost", "detail": "Three workers died.", "retryable": True}
    assert first_block(status="failed", error=error)["error"] == "worker_lost: Three workers died."
