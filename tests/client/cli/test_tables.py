"""What a person is shown."""

from typing import Any

from handsoff_client import Labelset
from handsoff_client.api.resources import Fit
from handsoff_client.cli import tables
from handsoff_client.http.parsing import parse
from tests.client.conftest import LABELS, job


def shown(**more: Any) -> dict[str, str]:
    """A fit's first block, by name."""
    return dict(line.split(maxsplit=1) for line in blocks(**more)[0])


def blocks(**more: Any) -> list[list[str]]:
    """What is shown of a fit: its parts, each as lines."""
    fit = parse(Fit, job("fit", more.pop("status", "succeeded"), **more))
    return [block.splitlines() for block in tables.job(fit).split("\n\n")]


def test_a_table_is_as_wide_as_its_cells() -> None:
    """Columns stand under their heads, and no line ends in blanks."""
    assert (
        tables.table(("ID", "N"), [("long one", 1), ("b", 20)])
        == "ID        N\nlong one  1\nb         20"
    )


def test_a_fit_shows_what_it_is_worth() -> None:
    """Each task's number by what was held out, and by the estimate; what was not judged has no line."""
    metrics = {
        "reconstruction_psnr_db": 24.125,
        "heldout": {"miou": 0.471234, "keypoints": None},
        "estimate": {"miou": None, "keypoints": {"pck": 0.9}, "depth": {"absrel": 0.05}},
        "advice": ["Label more hats."],
    }
    found = dict(line.split(maxsplit=1) for line in blocks(metrics=metrics)[0])
    assert found["heldout_miou"] == "0.4712"
    assert (found["estimate_pck"], found["estimate_absrel"]) == ("0.9", "0.05")
    assert "estimate_miou" not in found


def test_advice_is_a_list() -> None:
    """One line for each."""
    assert blocks(metrics={"advice": ["Label more hats.", "Add 3 images."]})[-1] == [
        "advice",
        "  - Label more hats.",
        "  - Add 3 images.",
    ]


def test_each_class_has_its_iou() -> None:
    """A column for what was judged; a class that one of them lacks has a dash there."""
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
    """After the counts, with the first files; more are counted."""
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
    shown = tables.labelset(parse(Labelset, answer))
    assert "warnings\n  - hat occurs once. (a, b, c, d, e and 2 more)" in shown
    assert parse(Labelset, answer | {"warnings": None}).warnings == ()


def test_a_failed_fit_shows_why() -> None:
    """The worker's code and words."""
    error = {"code": "worker_lost", "detail": "Three workers died.", "retryable": True}
    assert shown(status="failed", error=error)["error"] == "worker_lost: Three workers died."
