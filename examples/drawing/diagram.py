"""A small diagram language: lanes of boxes on a grid of columns, and arrows between them. Text in, SVG out.

`docs/data-flow.txt` shows every statement. The colors are readable on a white and on a dark page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

# All in pixels. Column 1 starts to the right of the lane names. A box is MARGIN smaller than its cells on each side.
NAMES, COLUMN, LANE, LANE_GAP, MARGIN, LINE = 116, 142, 82, 14, 8, 15

STYLE = """
text { font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328; text-anchor: middle }
.name { font-weight: 600; font-size: 13px }
.side { fill: #768390; text-anchor: start }
.lane { fill: #768390; fill-opacity: .13 }
.box { fill: #dbe9fb; stroke: #4a7fc1 }
.arrow { stroke: #768390; stroke-width: 2; marker-end: url(#head) }
.head { fill: #768390 }
"""


@dataclass(frozen=True)
class Box:
    """A box in a lane. It spans the columns `first` to `last`, counted from 1."""

    lane: int
    first: int
    last: int
    lines: tuple[str, ...]

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Left, right, top and bottom."""
        left, right = NAMES + (self.first - 1) * COLUMN, NAMES + self.last * COLUMN
        top = self.lane * (LANE + LANE_GAP)
        return left + MARGIN, right - MARGIN, top + MARGIN, top + LANE - MARGIN


@dataclass
class Diagram:
    """A parsed diagram. Each arrow is its first box, its last box and its label."""

    title: str = ""
    lanes: list[tuple[str, ...]] = field(default_factory=list)
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[tuple[Box, Box, tuple[str, ...]]] = field(default_factory=list)


def parse(text: str) -> Diagram:
    """Return the diagram of a text. Raises `ValueError` for an unknown statement, `KeyError` for an unknown box."""
    diagram = Diagram()
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.strip().partition(" ")
        head, *more = (part.strip() for part in rest.split("|"))
        match word:
            case "" | "#":
                continue
            case "title":
                diagram.title = rest
            case "lane":
                diagram.lanes.append((head, *more))
            case "box":
                name, columns, title = head.split(" ", 2)
                first, _, last = columns.partition("-")
                span = int(first), int(last or first)
                diagram.boxes[name] = Box(len(diagram.lanes) - 1, *span, (title, *more))
            case "arrow":
                start, _, end = head.partition(" -> ")
                diagram.arrows.append((diagram.boxes[start], diagram.boxes[end], tuple(more)))
            case _:
                raise ValueError(f"line {number}: expected title, lane, box or arrow, got '{word}'")
    return diagram


def to_svg(diagram: Diagram) -> str:
    """Return the SVG file of a diagram."""
    width = NAMES + COLUMN * max(box.last for box in diagram.boxes.values())
    height = len(diagram.lanes) * (LANE + LANE_GAP) - LANE_GAP
    shapes = "\n".join([*_lanes(diagram, width), *_arrows(diagram), *_boxes(diagram)])
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>{escape(diagram.title)}</title>
<style>{STYLE}</style>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto">
<path class="head" d="M0 0 8 4 0 8z"/></marker>
{shapes}
</svg>
"""


def _lanes(diagram: Diagram, width: int) -> Iterator[str]:
    for at, lines in enumerate(diagram.lanes):
        top = at * (LANE + LANE_GAP)
        yield f'<rect class="lane" y="{top}" width="{width}" height="{LANE}" rx="6"/>'
        yield from _text(lines, MARGIN, top + LANE // 2, "side")


def _boxes(diagram: Diagram) -> Iterator[str]:
    for box in diagram.boxes.values():
        left, right, top, bottom = box.sides
        size = f'width="{right - left}" height="{bottom - top}"'
        yield f'<rect class="box" x="{left}" y="{top}" {size} rx="5"/>'
        yield from _text(box.lines, (left + right) // 2, (top + bottom) // 2)


def _arrows(diagram: Diagram) -> Iterator[str]:
    for start, end, label in diagram.arrows:
        (left, right, top, bottom), (to_left, to_right, to_top, to_bottom) = start.sides, end.sides
        x1, x2, y1 = right, to_left, (top + bottom) // 2
        y2 = y1
        if start.lane != end.lane:
            x1 = x2 = (max(left, to_left) + min(right, to_right)) // 2
            y1, y2 = (bottom, to_top) if start.lane < end.lane else (top, to_bottom)
        yield f'<line class="arrow" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
        yield from _text(("", *label), x1 + MARGIN, (y1 + y2) // 2, "side")


def _text(lines: tuple[str, ...], x: int, middle: int, style: str = "") -> Iterator[str]:
    """Yield lines of text centered at the height `middle`. The first one is bold."""
    for at, line in enumerate(lines):
        y = middle + LINE // 3 + at * LINE - (len(lines) - 1) * LINE // 2
        names = f"{style} name".strip() if at == 0 else style
        if line:
            yield f'<text class="{names}" x="{x}" y="{y}">{escape(line)}</text>'
