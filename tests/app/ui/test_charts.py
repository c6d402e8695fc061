"""The drawing of a curve: its line fills the width, and its axis begins at zero."""

import pytest

from app.ui.charts import curve
from contracts.fits.metrics import TrainingPoint


def points(*losses: float) -> list[TrainingPoint]:
    """Return a point every ten steps."""
    return [
        TrainingPoint(step=10 * number, loss=loss) for number, loss in enumerate(losses, start=1)
    ]


def test_the_line_goes_from_its_first_to_its_last_step() -> None:
    """A loss of 1.5 of 2 stands at a quarter of the height from the top."""
    drawn = curve(points(1.5, 1.0, 0.0, 0.5))
    assert drawn is not None
    assert drawn.line == "250.0,100.0 500.0,200.0 750.0,400.0 1000.0,300.0"
    assert (drawn.first.step, drawn.last.step, drawn.lowest.step) == (10, 40, 30)


@pytest.mark.parametrize(
    ("largest", "top"), [(0.9, 1), (1, 1), (1.01, 2), (3, 5), (0.023, 0.05), (70, 100), (0, 1)]
)
def test_the_axis_ends_at_a_round_number(largest: float, top: float) -> None:
    """The next one with the digit 1, 2 or 5."""
    drawn = curve(points(largest, 0))
    assert drawn is not None
    assert drawn.top == pytest.approx(top)


def test_a_curve_needs_two_points() -> None:
    """Fits of earlier versions have none."""
    assert curve([]) is None
    assert curve(points(1.0)) is None
