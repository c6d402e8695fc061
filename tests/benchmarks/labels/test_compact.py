"""The summary table that compares the ensembles."""

from benchmarks.labels.compact import summary


def test_figures_are_paired_before_they_are_averaged() -> None:
    """Two draws that differ by 0.2 but each lose 0.01 give a loss of 0.01 with no error. Areas are ratios."""
    rows = [
        {
            "paper": {"heldout_miou": miou, "heldout_area": 0.1, "fit_seconds": 10.0},
            "96": {"heldout_miou": miou - 0.01, "heldout_area": 0.11, "fit_seconds": 12.0},
        }
        for miou in (0.5, 0.7)
    ]
    figures = summary(rows)["96"]
    assert figures["heldout_miou"] == {
        "compact": 0.59,
        "paper": 0.6,
        "difference": -0.01,
        "standard_error": figures["heldout_miou"]["standard_error"],
    }
    assert figures["heldout_miou"]["standard_error"] < 1e-9
    assert (figures["heldout_area"]["ratio"], figures["fit_seconds"]["ratio"]) == (1.1, 1.2)


def test_a_single_draw_has_no_standard_error() -> None:
    """The standard error of one draw is 0, not an exception."""
    row = {"paper": {"heldout_miou": 0.6}, "64": {"heldout_miou": 0.5}}
    assert summary([row])["64"]["heldout_miou"]["standard_error"] == 0.0
