"""Promises of the table that decides between the ensembles."""

from benchmarks.labels.compact import summary


def test_figures_are_paired_before_they_are_averaged() -> None:
    """Two draws that differ by 0.2 and lose 0.01 each lost 0.01 for certain; areas are told as a share."""
    rows = [
        {
            "paper": {"heldout_miou": miou, "heldout_area": 0.1, "fit_seconds": 10.0},
            "96": {"heldout_miou": miou - 0.01, "heldout_area": 0.11, "fit_seconds": 12.0},
        }
        for miou in (0.5, 0.7)
    ]
    told = summary(rows)["96"]
    assert told["heldout_miou"] == {
        "compact": 0.59,
        "paper": 0.6,
        "difference": -0.01,
        "standard_error": told["heldout_miou"]["standard_error"],
    }
    assert told["heldout_miou"]["standard_error"] < 1e-9
    assert (told["heldout_area"]["ratio"], told["fit_seconds"]["ratio"]) == (1.1, 1.2)


def test_a_single_draw_has_no_standard_error() -> None:
    """It is told as 0, not as a failure of the statistics."""
    row = {"paper": {"heldout_miou": 0.6}, "64": {"heldout_miou": 0.5}}
    assert summary([row])["64"]["heldout_miou"]["standard_error"] == 0.0
