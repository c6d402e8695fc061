"""A drawing of lines, dots, areas and texts that becomes SVG (light and dark) or PNG (light, twice the size).

Colors are names of roles. The SVG has them as classes, so a page can set them; a file alone carries its own style.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from PIL import Image, ImageDraw

from workers.codecs.lettering import font

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1f2430",
    "muted": "#667085",
    "grid": "#e3e6ec",
    "zero": "#98a1b3",
    "real": "#5b6577",
    "synthetic": "#2f7fd6",
    "mixed": "#0d8a6a",
    "labelled": "#8a7500",
    "oracle": "#8a4fd0",
    "direct": "#c96a12",
    "frozen": "#b23a5e",
}
DARK: Mapping[str, str] = {
    "paper": "#14171e",
    "ink": "#e8ebf1",
    "muted": "#9aa4b6",
    "grid": "#2b313d",
    "zero": "#5d6779",
    "real": "#aab3c3",
    "synthetic": "#6db1ff",
    "mixed": "#43cfa4",
    "labelled": "#d9c34a",
    "oracle": "#bd93f5",
    "direct": "#f2a35c",
    "frozen": "#f0819f",
}
PNG_SCALE = 2
FONT_PX = 13
AREA_OPACITY = 0.16
FAMILY = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


@dataclass(frozen=True)
class _Line:
    points: Sequence[Point]
    color: str
    width: float
    dashed: bool


@dataclass(frozen=True)
class _Dot:
    center: Point
    radius: float
    color: str
    is_open: bool


@dataclass(frozen=True)
class _Area:
    points: Sequence[Point]
    color: str


@dataclass(frozen=True)
class _Text:
    position: Point
    text: str
    color: str
    anchor: Anchor
    size: int


@dataclass
class Canvas:
    """Marks in the order in which they are drawn. x grows to the right, y downwards, both in pixels."""

    width: float
    height: float
    title: str  # for readers that do not see the picture
    _marks: list[_Line | _Dot | _Area | _Text] = field(default_factory=list)

    def line(
        self, *points: Point, color: str = "ink", width: float = 1, dashed: bool = False
    ) -> None:
        self._marks.append(_Line(points, color, width, dashed))

    def dot(
        self, center: Point, radius: float, color: str = "ink", *, is_open: bool = False
    ) -> None:
        self._marks.append(_Dot(center, radius, color, is_open))

    def area(self, *points: Point, color: str) -> None:
        self._marks.append(_Area(points, color))

    def text(
        self,
        position: Point,
        text: str,
        *,
        color: str = "ink",
        anchor: Anchor = "start",
        size: int = FONT_PX,
    ) -> None:
        """Write one line; the position is on its baseline."""
        self._marks.append(_Text(position, text, color, anchor, size))

    def svg(self, *, with_style: bool) -> str:
        """Return an SVG element. `with_style`: as a file alone, with its own colors and paper."""
        style = f"<style>{_css()}</style>" if with_style else ""
        paper = '<rect width="100%" height="100%" class="f-paper"/>' if with_style else ""
        body = "".join(_svg(mark) for mark in self._marks)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}"'
            f' width="{self.width:g}" height="{self.height:g}" role="img" aria-label="{escape(self.title)}"'
            f' font-family="{FAMILY}">{style}{paper}{body}</svg>'
        )

    def png(self) -> bytes:
        """Return the light drawing as a PNG of twice the size."""
        size = (round(self.width * PNG_SCALE), round(self.height * PNG_SCALE))
        image = Image.new("RGB", size, LIGHT["paper"])
        pen = ImageDraw.Draw(image, "RGBA")
        for mark in self._marks:
            _paint(pen, mark)
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        return file.getvalue()


def color_rules(colors: Mapping[str, str], scope: str = "") -> str:
    """Return CSS that colors strokes (`s-name`) and fills (`f-name`) below a selector."""
    return "".join(
        f"{scope}.s-{name}{{stroke:{value}}}{scope}.f-{name}{{fill:{value}}}"
        for name, value in colors.items()
    )


def _css() -> str:
    return f"{color_rules(LIGHT)}@media (prefers-color-scheme:dark){{{color_rules(DARK)}}}"


def _svg(mark: _Line | _Dot | _Area | _Text) -> str:
    match mark:
        case _Line():
            dashes = ' stroke-dasharray="4 4"' if mark.dashed else ""
            return (
                f'<polyline points="{_places(mark.points)}" fill="none" class="s-{mark.color}"'
                f' stroke-width="{mark.width:g}" stroke-linecap="round"{dashes}/>'
            )
        case _Dot():
            fill = "f-paper" if mark.is_open else f"f-{mark.color}"
            x, y = mark.center
            return (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{mark.radius:g}" class="{fill} s-{mark.color}"'
                ' stroke-width="1.5"/>'
            )
        case _Area():
            return (
                f'<polygon points="{_places(mark.points)}" class="f-{mark.color}"'
                f' fill-opacity="{AREA_OPACITY}"/>'
            )
        case _Text():
            x, y = mark.position
            return (
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="{mark.size}" text-anchor="{mark.anchor}"'
                f' class="f-{mark.color}">{escape(mark.text)}</text>'
            )


def _places(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _paint(pen: ImageDraw.ImageDraw, mark: _Line | _Dot | _Area | _Text) -> None:
    color = LIGHT[mark.color]
    match mark:
        case _Line():
            for first, second in zip(mark.points, mark.points[1:], strict=False):
                pen.line((_scaled(first), _scaled(second)), color, round(mark.width * PNG_SCALE))
        case _Dot():
            x, y = _scaled(mark.center)
            radius = mark.radius * PNG_SCALE
            fill = LIGHT["paper"] if mark.is_open else color
            box = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse(box, fill=fill, outline=color, width=PNG_SCALE)
        case _Area():
            alpha = f"{round(255 * AREA_OPACITY):02x}"
            pen.polygon([_scaled(point) for point in mark.points], color + alpha)
        case _Text():
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[mark.anchor]
            letters = font(mark.size * PNG_SCALE)
            pen.text(_scaled(mark.position), mark.text, color, letters, anchor=anchor)


def _scaled(point: Point) -> Point:
    return point[0] * PNG_SCALE, point[1] * PNG_SCALE
