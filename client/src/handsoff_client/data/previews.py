"""A contact sheet of labelled samples: each image, its labels laid over it, depth and uncertainty, and a legend."""

import colorsys
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from handsoff_shards.errors import InvalidInput
from handsoff_shards.labels import Labels
from handsoff_shards.members import Files
from handsoff_shards.reading import BACKGROUND
from handsoff_shards.samples import Sample, decode_sample

TILE_PX = 192
GAP_PX = 8
LINE_PX = 18
TEXT_PX = 13
OVERLAY = 0.55
PAPER, INK = (255, 255, 255), (30, 30, 30)
_GOLDEN = 0.618034
_NO_DEPTH = (90, 90, 110)

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """One sample as it is drawn."""

    title: str
    sample: Sample
    colors: Sequence[Color]


@dataclass(frozen=True)
class Column:
    """One column of the sheet: what stands above it, and how a sample's tile is drawn."""

    title: str
    draw: Callable[[Look, Labels], Image.Image]


def contact_sheet(samples: Sequence[tuple[str, Files]], labels: Labels, title: str) -> Image.Image:
    """Draw samples, given by key and files, one to a row. Raises `InvalidInput` for none, and for a damaged one."""
    if not samples:
        raise InvalidInput("There are no samples to show.")
    looks = [_look(key, files, labels) for key, files in samples]
    columns = _columns(looks)
    width_px = max(len(columns) * (TILE_PX + GAP_PX) + GAP_PX, 400)
    legend = _legend(looks[0].colors, labels, width_px)
    top_px = GAP_PX + LINE_PX + legend.height + LINE_PX
    row_px = TILE_PX + LINE_PX + GAP_PX
    sheet = Image.new("RGB", (width_px, top_px + len(looks) * row_px), PAPER)
    _write(sheet, (GAP_PX, GAP_PX), title, width_px)
    sheet.paste(legend, (0, GAP_PX + LINE_PX))
    for place, column in enumerate(columns):
        left_px = GAP_PX + place * (TILE_PX + GAP_PX)
        _write(sheet, (left_px, top_px - LINE_PX), column.title, TILE_PX)
        for row, look in enumerate(looks):
            tile = column.draw(look, labels)
            sheet.paste(tile, (left_px + (TILE_PX - tile.width) // 2, top_px + row * row_px))
    for row, look in enumerate(looks):
        _write(sheet, (GAP_PX, top_px + row * row_px + TILE_PX), look.title, width_px)
    return sheet


def contact_sheet_png(samples: Sequence[tuple[str, Files]], labels: Labels, title: str) -> bytes:
    """The contact sheet as the bytes of a PNG."""
    buffer = io.BytesIO()
    contact_sheet(samples, labels, title).save(buffer, "PNG")
    return buffer.getvalue()


def class_colors(labels: Labels, palette: Sequence[int] | None) -> list[Color]:
    """One color for each class: those of the masks' own palette, else hues that lie far apart."""
    if palette and len(palette) >= 3 * len(labels.classes):
        return [_rgb(palette[3 * index : 3 * index + 3]) for index in range(len(labels.classes))]
    hues = (index * _GOLDEN % 1 for index in range(len(labels.classes)))
    return [
        _rgb([int(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.65, 0.95)]) for hue in hues
    ]


def _look(key: str, files: Files, labels: Labels) -> Look:
    try:
        sample = decode_sample(files)
        palette = _palette(files.get("mask.png"))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:
        raise InvalidInput(f"Sample '{key}' cannot be read ({error}).") from error
    score = sample.facts.get("score")
    ending = f"   score {score:.3f}" if isinstance(score, float) else ""
    return Look(f"{key}{ending}", sample, class_colors(labels, palette))


def _palette(mask: bytes | None) -> Sequence[int] | None:
    if mask is None:
        return None
    with Image.open(io.BytesIO(mask)) as image:
        return image.getpalette() if image.mode == "P" else None


def _columns(looks: Sequence[Look]) -> list[Column]:
    """The image, and a column for each kind of label that occurs."""
    samples = [look.sample for look in looks]
    has_labels = any(one.mask is not None or one.keypoints is not None for one in samples)
    wanted: Mapping[Column, bool] = {
        Column("image", lambda look, _: _fitted(look.sample.image)): True,
        Column("labels over image", _overlay): has_labels,
        Column("depth (near is bright)", _depth): any(one.depth is not None for one in samples),
        Column("uncertainty (white is 1 nat)", _uncertainty): any(
            one.uncertainty is not None for one in samples
        ),
    }
    return [column for column, is_there in wanted.items() if is_there]


def _overlay(look: Look, labels: Labels) -> Image.Image:
    """Classes as colors over the image, all but the background; keypoints as dots, joined by their lines."""
    sample = look.sample
    pixels = sample.image.astype(np.float32)
    if sample.mask is not None and sample.mask.shape == pixels.shape[:2]:
        for index, (name, color) in enumerate(zip(labels.classes, look.colors, strict=True)):
            if name.casefold() != BACKGROUND:
                here = sample.mask == index
                pixels[here] = (1 - OVERLAY) * pixels[here] + OVERLAY * np.array(color, np.float32)
    tile = _fitted(pixels.astype(np.uint8))
    if sample.keypoints is not None:
        _draw_points(tile, sample.keypoints, tile.width / sample.image.shape[1], labels)
    return tile


def _draw_points(
    tile: Image.Image, points: NDArray[np.float32], scale: float, labels: Labels
) -> None:
    """A point that is seen is filled, a hidden one is a ring, an absent one is not drawn."""
    draw = ImageDraw.Draw(tile)
    names = labels.keypoints.names if labels.keypoints else ()
    places = {
        name: (x * scale, y * scale)
        for name, (x, y, seen) in zip(names, points, strict=False)
        if seen
    }
    for pair in labels.keypoints.skeleton if labels.keypoints else ():
        if all(name in places for name in pair):
            draw.line([places[name] for name in pair], fill=(255, 255, 255), width=1)
    for x, y, seen in points:
        if seen:
            box = [x * scale - 2.5, y * scale - 2.5, x * scale + 2.5, y * scale + 2.5]
            draw.ellipse(box, fill=(255, 40, 40) if seen == 2 else None, outline=(255, 255, 255))


def _depth(look: Look, labels: Labels) -> Image.Image:
    """Stretched from the nearest to the farthest that is known."""
    depth = look.sample.depth
    if depth is None:
        return Image.new("RGB", (TILE_PX, TILE_PX), PAPER)
    unknown = labels.depth.unknown if labels.depth else None
    known = np.ones(depth.shape, bool) if unknown is None else depth != unknown
    near, far = (
        (float(depth[known].min()), float(depth[known].max())) if known.any() else (0.0, 1.0)
    )
    bright = 255 - 215 * (depth.astype(np.float32) - near) / max(far - near, 1.0)
    shades = np.repeat(np.clip(bright, 0, 255)[..., None], 3, axis=2)
    shades[~known] = _NO_DEPTH
    return _fitted(shades.astype(np.uint8))


def _uncertainty(look: Look, _: Labels) -> Image.Image:
    nats = look.sample.uncertainty
    if nats is None:
        return Image.new("RGB", (TILE_PX, TILE_PX), PAPER)
    shades = np.repeat(np.clip(nats * 255, 0, 255)[..., None], 3, axis=2)
    return _fitted(shades.astype(np.uint8))


def _fitted(pixels: NDArray[np.uint8]) -> Image.Image:
    """An RGB image at the size of a tile; small ones keep their pixels visible."""
    image = Image.fromarray(pixels)
    scale = TILE_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)


def _legend(colors: Sequence[Color], labels: Labels, width_px: int) -> Image.Image:
    """Every class with its color, in as many lines as that takes."""
    places, left_px, line = [], GAP_PX, 0
    for name, color in zip(labels.classes, colors, strict=True):
        entry_px = min(
            LINE_PX + int(_font().getlength(_plain(name))) + 2 * GAP_PX, width_px - GAP_PX
        )
        if left_px + entry_px > width_px and left_px > GAP_PX:
            left_px, line = GAP_PX, line + 1
        places.append((left_px, line, name, color))
        left_px += entry_px
    legend = Image.new("RGB", (width_px, (line + 1) * LINE_PX if places else 1), PAPER)
    draw = ImageDraw.Draw(legend)
    for left_px, line, name, color in places:
        top_px = line * LINE_PX
        draw.rectangle([left_px, top_px + 2, left_px + 12, top_px + 14], fill=color, outline=INK)
        _write(legend, (left_px + LINE_PX, top_px), name, width_px - left_px - LINE_PX)
    return legend


def _write(sheet: Image.Image, place: tuple[int, int], text: str, width_px: int) -> None:
    """One line of text, cut where the width ends."""
    shown = _plain(text)
    while shown and _font().getlength(shown) > width_px:
        shown = f"{shown[:-2]}~" if len(shown) > 2 else ""
    ImageDraw.Draw(sheet).text(place, shown, fill=INK, font=_font())


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT_PX)


def _plain(text: str) -> str:
    """Without control characters, which would break the line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:500]


def _rgb(parts: Sequence[int]) -> Color:
    red, green, blue = parts
    return red, green, blue
