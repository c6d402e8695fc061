"""What a person is shown."""

from typing import Any

from handsoff_client import tables
from handsoff_client.resources import Fit
from handsoff_client.shapes import parse
from tests.client.conftest import job


def shown(**more: Any) -> dict[str, str]:
    """A fit's lines by name."""
    fit = parse(Fit, job("fit", more.pop("status", "succeeded"), **more))
    lines = tables.job(fit).splitlines()
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


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
    found = shown(metrics=metrics)
    assert found["heldout_miou"] == "0.4712"
    assert (found["estimate_pck"], found["estimate_absrel"]) == ("0.9", "0.05")
    assert "estimate_miou" not in found
    assert found["advice"] == "Label more hats."


def test_a_failed_fit_shows_why() -> None:
    """The worker's code and words."""
    error = {"code": "worker_lost", "detail": "Three workers died.", "retryable": True}
    assert shown(status="failed", error=error)["error"] == "worker_lost: Three workers died."
