"""A picture of a batch: each sample as image, overlaid labels, depth and uncertainty.

It has titles, a legend of the classes and a scale of the uncertainty.
"""

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Point = tuple[float, float, int]
Color = tuple[int, int, int]

CELL_PX = 128
GAP_PX = 12
COLUMNS = 4
TEXT_PX = 13
LINE_PX = 20
LEGEND_PX = 36
SWATCH_PX, SCALE_PX = 14, 160
VISIBLE, HIDDEN = (255, 230, 0), (130, 130, 130)
STEPS_PER_NAT = 255
"""Resolution of the stored uncertainty."""


@dataclass(frozen=True)
class Sample:
    """One sample of a shard: RGB image, uncertainty from 0 to 255, metadata, and its labels.

    label: the mask in colors of `palette`, which holds one color per index. points: x, y and visibility. depth: 16
    bits, smaller is nearer.
    """

    image: Pixels
    uncertainty: Pixels
    metadata: dict[str, object]
    label: Pixels | None = None
    points: tuple[Point, ...] = ()
    depth: NDArray[np.uint16] | None = None
    palette: tuple[Color, ...] = ()


def read_shard(data: bytes) -> list[Sample]:
    """Read the samples of one WebDataset tar, ordered by key."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    keys = sorted({name.partition(".")[0] for name in files})
    return [
        _sample(
            {name[len(key) + 1 :]: data for name, data in files.items() if name.startswith(key)}
        )
        for key in keys
    ]


def _sample(files: dict[str, bytes]) -> Sample:
    """Build a sample from its files, by the part of the name after the key."""
    points = json.loads(files.get("keypoints.json", b'{"keypoints": []}'))["keypoints"]
    return Sample(
        image=_rgb(files["png"]),
        uncertainty=_gray(files["uncertainty.png"]),
        metadata=json.loads(files["json"]),
        label=_rgb(files["mask.png"]) if "mask.png" in files else None,
        points=tuple((point["x"], point["y"], point["visibility"]) for point in points),
        depth=_gray(files["depth.png"]) if "depth.png" in files else None,
        palette=_palette(files["mask.png"]) if "mask.png" in files else (),
    )


def draw_pairs(samples: list[Sample], path: Path, classes: Sequence[str] = ()) -> None:
    """Draw all samples, `COLUMNS` per row, each as image | labels | depth (if present) | uncertainty.

    `classes` are the names of the mask's indices for the legend.
    """
    steps = np.quantile([sample.uncertainty for sample in samples], 0.995)
    brightest = max(float(steps), 1.0)
    strips = [_cells(sample, brightest) for sample in samples]
    width = len(strips[0]) * CELL_PX + GAP_PX
    height = LINE_PX + CELL_PX + GAP_PX
    top = LEGEND_PX + LINE_PX
    rows = -(-len(strips) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width, top + rows * height), "white")
    _draw_legend(sheet, samples[0], classes, brightest / STEPS_PER_NAT)
    for column in range(min(COLUMNS, len(strips))):
        for cell, title in enumerate(strips[0]):
            _write(sheet, (column * width + cell * CELL_PX, LEGEND_PX), title)
    for position, (sample, strip) in enumerate(zip(samples, strips, strict=True)):
        row, column = divmod(position, COLUMNS)
        left, above = column * width, top + row * height
        _write(sheet, (left, above), _caption(sample))
        for cell, pixels in enumerate(strip.values()):
            picture = Image.fromarray(pixels).resize((CELL_PX, CELL_PX), Image.Resampling.NEAREST)
            sheet.paste(picture, (left + cell * CELL_PX, above + LINE_PX))
    sheet.save(path)


def _cells(sample: Sample, brightest: float) -> dict[str, Pixels]:
    """Return the pictures of a sample by title."""
    cells = {"image": sample.image, "labels": _overlay(sample)}
    if sample.depth is not None:
        cells["depth (near: bright)"] = _shade(sample.depth)
    return cells | {"uncertainty": _heat(sample.uncertainty / brightest)}


def _caption(sample: Sample) -> str:
    """Return the index of a sample and its score: the mean uncertainty of its 10% least certain pixels."""
    words = [f"sample {sample.metadata.get('index', '?')}"]
    if "score" in sample.metadata:
        words.append(f"uncertainty {sample.metadata['score']:.3f}")
    return ", ".join(words)


def _draw_legend(sheet: Image.Image, sample: Sample, classes: Sequence[str], nats: float) -> None:
    """Draw one line with the colors of classes and keypoints, and the scale of the uncertainty from 0 to `nats`.

    Index 0 is transparent in an overlay, so it has no swatch. Entries that do not fit are counted.
    """
    draw = ImageDraw.Draw(sheet)
    entries = list(zip(classes, sample.palette, strict=False))[1:]
    if sample.points:
        entries += [("keypoint, visible", VISIBLE), ("keypoint, hidden", HIDDEN)]
    scale = f"{nats:.2f} nats or more"
    start = sheet.width - SCALE_PX - int(_font().getlength(f"uncertainty 0 {scale}")) - 4 * GAP_PX
    x = GAP_PX
    for position, (name, color) in enumerate(entries):
        width = SWATCH_PX + int(_font().getlength(name)) + 2 * GAP_PX
        if x + width > start - 60:
            _write(sheet, (x, 8), f"and {len(entries) - position} more")
            break
        draw.rectangle((x, 10, x + SWATCH_PX, 10 + SWATCH_PX), fill=color, outline=(90, 90, 90))
        _write(sheet, (x + SWATCH_PX + 5, 8), name)
        x += width
    _write(sheet, (start, 8), "uncertainty 0")
    start += int(_font().getlength("uncertainty 0")) + GAP_PX // 2
    ramp = np.tile(np.linspace(0, 1, SCALE_PX), (SWATCH_PX, 1))
    sheet.paste(Image.fromarray(_heat(ramp)), (start, 10))
    draw.rectangle((start, 10, start + SCALE_PX, 10 + SWATCH_PX), outline=(90, 90, 90))
    _write(sheet, (start + SCALE_PX + GAP_PX // 2, 8), scale)


def _write(sheet: Image.Image, position: tuple[int, int], text: str) -> None:
    ImageDraw.Draw(sheet).text(position, text, fill=(0, 0, 0), font=_font())


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's built-in font at `TEXT_PX`."""
    return ImageFont.load_default(TEXT_PX)


def _palette(data: bytes) -> tuple[Color, ...]:
    """Return the colors of a mask's indices, or nothing if it has no palette."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        values = image.getpalette() or []
    return tuple(zip(values[::3], values[1::3], values[2::3], strict=True))


def _rgb(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def _gray(data: bytes) -> NDArray[Any]:
    """Read a grayscale picture of 8 or 16 bits."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image)


def _overlay(sample: Sample) -> Pixels:
    """Blend the mask's colors with the image (class 0 stays transparent) and draw the keypoints."""
    drawn = sample.image.copy()
    if sample.label is not None:
        share = 0.6 * sample.label.any(axis=2, keepdims=True)
        drawn = ((1 - share) * sample.image + share * sample.label).astype(np.uint8)
    for x, y, visibility in sample.points:
        if visibility:
            row, column = min(int(y), len(drawn) - 1), min(int(x), drawn.shape[1] - 1)
            drawn[row, column] = VISIBLE if visibility > 1 else HIDDEN
    return drawn


def _shade(depth: NDArray[np.uint16]) -> Pixels:
    """Scale depth to gray values, bright for near surfaces."""
    nearest, farthest = int(depth.min()), int(depth.max())
    share = (farthest - depth.astype(np.float64)) / max(farthest - nearest, 1)
    return np.repeat((255 * share).astype(np.uint8)[..., None], 3, axis=2)


def _heat(share: NDArray[np.float64]) -> Pixels:
    """Map 0 to 1 to black, red, yellow and white."""
    thirds = np.clip(3 * share[..., None] - np.arange(3), 0, 1)
    return (255 * thirds).astype(np.uint8)
