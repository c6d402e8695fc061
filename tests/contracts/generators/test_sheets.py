"""References to sheets cross the queue as text, and there are few of them."""

import pytest
from pydantic import ValidationError

from contracts.generators.sheets import SheetRef
from contracts.jobs import JobRef

TEXT = "default/portraits-64/walk-30-5-9247608cd677"
SHEET = SheetRef(
    generator=JobRef(tenant="default", id="portraits-64"),
    view="walk",
    truncation_percent=30,
    seed=5,
    digest="9247608cd677",
)


def test_a_reference_is_text_and_back() -> None:
    """All options are in the text."""
    assert str(SHEET) == TEXT
    assert SheetRef.parse(TEXT) == SHEET
    assert SHEET.truncation == 0.3


@pytest.mark.parametrize(
    "text",
    [
        "default/portraits-64/walk-30-8-9247608cd677",
        "default/portraits-64/walk-35-0-9247608cd677",
        "default/portraits-64/walk-0-0-9247608cd677",
        "default/portraits-64/walk-110-0-9247608cd677",
        "default/portraits-64/run-30-0-9247608cd677",
        "default/portraits-64/walk-30-0-../../secret",
        "default/portraits-64/walk-30-0",
    ],
)
def test_other_options_are_refused(text: str) -> None:
    """The number of sheets of a generator is limited, and a text never leaves its folder."""
    with pytest.raises((ValidationError, ValueError)):
        SheetRef.parse(text)
