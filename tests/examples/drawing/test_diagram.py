"""Promises of the diagram language."""

import pytest

from examples.demo.stack import REPOSITORY
from examples.drawing.diagram import parse, to_svg

TWO_LANES = """
lane app | FastAPI
box fits 1-2 POST /fits | checks & queues
lane workers
box inversion 1 inversion
box ensemble 2 ensemble
arrow fits -> inversion
arrow inversion -> ensemble | codes
"""


def test_the_committed_picture_is_drawn_from_its_text() -> None:
    """docs/data-flow.svg and docs/data-flow.txt agree."""
    text = (REPOSITORY / "docs" / "data-flow.txt").read_text("utf-8")
    drawn = (REPOSITORY / "docs" / "data-flow.svg").read_text("utf-8")
    assert drawn == to_svg(parse(text)), "run `make diagrams` and look at the picture"


def test_boxes_do_not_overlap() -> None:
    """In the committed picture, two boxes of one lane share no column."""
    diagram = parse((REPOSITORY / "docs" / "data-flow.txt").read_text("utf-8"))
    cells = [
        (box.lane, column)
        for box in diagram.boxes.values()
        for column in range(box.first, box.last + 1)
    ]
    assert len(cells) == len(set(cells))


def test_arrows_follow_the_grid() -> None:
    """An arrow in a lane is horizontal, an arrow between lanes is vertical."""
    down, across = [
        line for line in to_svg(parse(TWO_LANES)).splitlines() if 'class="arrow"' in line
    ]
    values = [
        dict(part.split("=") for part in line.split() if "=" in part) for line in (down, across)
    ]
    assert values[0]["x1"] == values[0]["x2"]
    assert values[1]["y1"] == values[1]["y2"].removesuffix("/>")


def test_text_is_escaped() -> None:
    """A title may contain characters that XML reserves."""
    assert "checks &amp; queues" in to_svg(parse(TWO_LANES))


def test_an_unknown_statement_is_an_error() -> None:
    """The message names the line and the expected words."""
    with pytest.raises(ValueError, match="line 2: expected title, lane, box or arrow, got 'bx'"):
        parse("lane app\nbx fits 1 fits")
