"""A contact sheet of labelled samples: each image, its labels over it, depth, uncertainty, and a legend."""

import colorsys
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from handsoff_shards.errors import InvalidInput
from handsoff_shards.labels import Labels
from handsoff_shards.members import MASK, Files
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
_IGNORED, _IGNORED_COLOR = "ignored", (255, 255, 255)

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Entry:
    """One sample with its title and the colors of its classes."""

    title: str
    sample: Sample
    colors: Sequence[Color]


@dataclass(frozen=True)
class Column:
    """One column of the sheet: its title, and the function that draws the tile of a sample."""

    title: str
    draw: Callable[[Entry, Labels], Image.Image]


def contact_sheet(samples: Sequence[tuple[str, Files]], labels: Labels, title: str) -> Image.Image:
    """Draw samples, given by key and files, one per row. Raises `InvalidInput` for no sample, and for a damaged one."""
    if not samples:
        raise InvalidInput("Expected at least 1 sample to draw, got 0.")
    entries = [_entry(key, files, labels) for key, files in samples]
    columns = _columns(entries)
    width_px = max(len(columns) * (TILE_PX + GAP_PX) + GAP_PX, 400)
    legend = _legend(_named_colors(entries, labels), width_px)
    top_px = GAP_PX + LINE_PX + legend.height + LINE_PX
    row_px = TILE_PX + LINE_PX + GAP_PX
    sheet = Image.new("RGB", (width_px, top_px + len(entries) * row_px), PAPER)
    _write(sheet, (GAP_PX, GAP_PX), title, width_px)
    sheet.paste(legend, (0, GAP_PX + LINE_PX))
    for place, column in enumerate(columns):
        left_px = GAP_PX + place * (TILE_PX + GAP_PX)
        _write(sheet, (left_px, top_px - LINE_PX), column.title, TILE_PX)
        for row, entry in enumerate(entries):
            tile = column.draw(entry, labels)
            sheet.paste(tile, (left_px + (TILE_PX - tile.width) // 2, top_px + row * row_px))
    for row, entry in enumerate(entries):
        _write(sheet, (GAP_PX, top_px + row * row_px + TILE_PX), entry.title, width_px)
    return sheet


def contact_sheet_png(samples: Sequence[tuple[str, Files]], labels: Labels, title: str) -> bytes:
    """Return the contact sheet as a PNG file."""
    buffer = io.BytesIO()
    contact_sheet(samples, labels, title).save(buffer, "PNG")
    return buffer.getvalue()


def class_colors(labels: Labels, palette: Sequence[int] | None) -> list[Color]:
    """Return one color for each class: from the palette of the masks, else hues that are far apart."""
    if palette and len(palette) >= 3 * len(labels.classes):
        return [_rgb(palette[3 * index : 3 * index + 3]) for index in range(len(labels.classes))]
    hues = (index * _GOLDEN % 1 for index in range(len(labels.classes)))
    return [
        _rgb([int(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.65, 0.95)]) for hue in hues
    ]


def _entry(key: str, files: Files, labels: Labels) -> Entry:
    try:
        sample = decode_sample(files)
        palette = _palette(files.get(MASK))
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
    return Entry(f"{key}{ending}", sample, class_colors(labels, palette))


def _palette(mask: bytes | None) -> Sequence[int] | None:
    if mask is None:
        return None
    with Image.open(io.BytesIO(mask)) as image:
        return image.getpalette() if image.mode == "P" else None


def _columns(entries: Sequence[Entry]) -> list[Column]:
    """Return a column for the image, and one for each kind of label that occurs."""
    samples = [entry.sample for entry in entries]
    has_labels = any(one.mask is not None or one.keypoints is not None for one in samples)
    columns: Mapping[Column, bool] = {
        Column("image", lambda entry, _: _fitted(entry.sample.image)): True,
        Column("labels over image", _overlay): has_labels,
        Column("depth (near is bright)", _depth): any(one.depth is not None for one in samples),
        Column("uncertainty (white is 1 nat)", _uncertainty): any(
            one.uncertainty is not None for one in samples
        ),
    }
    return [column for column, is_used in columns.items() if is_used]


def _overlay(entry: Entry, labels: Labels) -> Image.Image:
    """Draw classes except the background as colors over the image, and keypoints as dots with their skeleton."""
    sample = entry.sample
    pixels = sample.image.astype(np.float32)
    if sample.mask is not None and sample.mask.shape == pixels.shape[:2]:
        for index, (name, color) in enumerate(zip(labels.classes, entry.colors, strict=True)):
            if name.casefold() != BACKGROUND:
                _tint(pixels, sample.mask == index, color)
        _tint(pixels, sample.mask == labels.ignore_index, _IGNORED_COLOR)
    tile = _fitted(pixels.astype(np.uint8))
    if sample.keypoints is not None:
        _draw_points(tile, sample.keypoints, tile.width / sample.image.shape[1], labels)
    return tile


def _tint(pixels: NDArray[np.float32], inside: NDArray[np.bool_], color: Color) -> None:
    tint = OVERLAY * np.array(color, np.float32)
    pixels[inside] = (1 - OVERLAY) * pixels[inside] + tint


def _draw_points(
    tile: Image.Image, points: NDArray[np.float32], scale: float, labels: Labels
) -> None:
    """Draw a visible point as a disk, a hidden one as a ring, an absent one not."""
    draw = ImageDraw.Draw(tile)
    names = labels.keypoints.names if labels.keypoints else ()
    places = {
        name: (x * scale, y * scale)
        for name, (x, y, visibility) in zip(names, points, strict=False)
        if visibility
    }
    for pair in labels.keypoints.skeleton if labels.keypoints else ():
        if all(name in places for name in pair):
            draw.line([places[name] for name in pair], fill=(255, 255, 255), width=1)
    for x, y, visibility in points:
        if visibility:
            box = [x * scale - 2.5, y * scale - 2.5, x * scale + 2.5, y * scale + 2.5]
            fill = (255, 40, 40) if visibility == 2 else None
            draw.ellipse(box, fill=fill, outline=(255, 255, 255))


def _depth(entry: Entry, labels: Labels) -> Image.Image:
    """Draw depth, stretched from the nearest known value to the farthest."""
    depth = entry.sample.depth
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


def _uncertainty(entry: Entry, _: Labels) -> Image.Image:
    nats = entry.sample.uncertainty
    if nats is None:
        return Image.new("RGB", (TILE_PX, TILE_PX), PAPER)
    shades = np.repeat(np.clip(nats * 255, 0, 255)[..., None], 3, axis=2)
    return _fitted(shades.astype(np.uint8))


def _fitted(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return an RGB image in the size of a tile. Small images are enlarged without smoothing."""
    image = Image.fromarray(pixels)
    scale = TILE_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)


def _named_colors(entries: Sequence[Entry], labels: Labels) -> list[tuple[str, Color]]:
    """Return the classes with their colors, and ignored pixels if a mask has some."""
    named = list(zip(labels.classes, entries[0].colors, strict=True))
    masks = [entry.sample.mask for entry in entries if entry.sample.mask is not None]
    has_ignored = any((mask == labels.ignore_index).any() for mask in masks)
    return [*named, (_IGNORED, _IGNORED_COLOR)] if has_ignored else named


def _legend(named_colors: Sequence[tuple[str, Color]], width_px: int) -> Image.Image:
    """Draw every name with its color, in as many lines as needed."""
    places, left_px, line = [], GAP_PX, 0
    for name, color in named_colors:
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
    """Write one line of text, cut at the width."""
    shown = _plain(text)
    while shown and _font().getlength(shown) > width_px:
        shown = f"{shown[:-2]}~" if len(shown) > 2 else ""
    ImageDraw.Draw(sheet).text(place, shown, fill=INK, font=_font())


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT_PX)


def _plain(text: str) -> str:
    """Return the text without control characters, which would break the line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:500]


def _rgb(parts: Sequence[int]) -> Color:
    red, green, blue = parts
    return red, green, blue
