"""The plot of the long-tail benchmark: IoU of the rare class by its share in the labelled images, for each arm."""

from collections.abc import Mapping, Sequence
from typing import Any

from workers.evaluating.canvas import Canvas, Point
from workers.evaluating.plots import Axis

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 40, 44
OFFSET_PX = 4
"""Between the arms of one share: their intervals would hide each other."""
COLORS: Mapping[str, str] = {
    "labelled": "real",
    "generated": "synthetic",
    "targeted": "direct",
    "mixed": "mixed",
    "mixed-targeted": "oracle",
}


def plot(rows: Sequence[Mapping[str, Any]], part: str) -> Canvas:
    """Return the plot of the benchmark's rows. An arm without a score at some share has no mark there."""
    canvas = Canvas(WIDTH, HEIGHT, f"IoU of {part} by their share in the labelled images")
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    vertical = Axis(0.0, 1.0, bottom, TOP)
    step = (right - LEFT) / max(1, len(rows) - 1)
    canvas.text((LEFT - 40, TOP - 18), f"IoU of {part} on held-out images", color="muted", size=12)
    for tick in vertical.ticks:
        canvas.line((LEFT - 12, vertical.at(tick)), (right + 12, vertical.at(tick)), color="grid")
        canvas.text((LEFT - 18, vertical.at(tick) + 4), f"{tick:.1f}", color="muted", anchor="end")
    for number, row in enumerate(rows):
        position = (LEFT + number * step, bottom + 20)
        canvas.text(position, f"{row['share']:.0%}", color="muted", anchor="middle")
    caption = "share of the labelled images with the class"
    canvas.text(((LEFT + right) / 2, HEIGHT - 6), caption, color="muted", anchor="middle", size=12)
    for place, (arm, color) in enumerate(COLORS.items()):
        marks: list[Point] = []
        for number, row in enumerate(rows):
            if row[arm] is None:
                continue
            x = LEFT + number * step + (place - 2) * OFFSET_PX
            ends = [(x, vertical.at(row[arm][name])) for name in ("low", "high")]
            canvas.line(*ends, color=color, width=1.5)
            marks.append((x, vertical.at(row[arm]["value"])))
            canvas.dot(marks[-1], 4, color)
        if marks:
            canvas.line(*marks, color=color, width=1.5)
    for place, (arm, color) in enumerate(COLORS.items()):
        y = TOP + 22 * place
        canvas.dot((right + 26, y - 4), 4, color)
        canvas.text((right + 36, y), arm)
    return canvas
