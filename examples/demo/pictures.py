"""Pictures of a batch for the eye: each sample as image, labels laid over it, depth and uncertainty."""

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Point = tuple[float, float, int]

CELL_PX = 128
GAP_PX = 4
COLUMNS = 4
SEEN, COVERED = (255, 230, 0), (130, 130, 130)


@dataclass(frozen=True)
class Sample:
    """One sample out of a shard: RGB image, uncertainty 0 to 255, its facts, and the labels that it has.

    label: the mask in its palette's colours. points: x, y and visibility. depth: 16 bits, near is small.
    """

    image: Pixels
    uncertainty: Pixels
    facts: dict[str, object]
    label: Pixels | None = None
    points: tuple[Point, ...] = ()
    depth: NDArray[np.uint16] | None = None


def read_shard(data: bytes) -> list[Sample]:
    """The samples of one WebDataset tar, in order."""
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
    """A sample of its files by what follows their key."""
    points = json.loads(files.get("keypoints.json", b'{"keypoints": []}'))["keypoints"]
    return Sample(
        image=_rgb(files["png"]),
        uncertainty=_grey(files["uncertainty.png"]),
        facts=json.loads(files["json"]),
        label=_rgb(files["mask.png"]) if "mask.png" in files else None,
        points=tuple((point["x"], point["y"], point["visibility"]) for point in points),
        depth=_grey(files["depth.png"]) if "depth.png" in files else None,
    )


def draw_pairs(samples: list[Sample], path: Path) -> None:
    """A sheet of all samples, `COLUMNS` to a row, each as image | overlay | depth, if there is any | uncertainty."""
    brightest = max(float(np.quantile([s.uncertainty for s in samples], 0.995)), 1.0)
    strips = [
        [
            sample.image,
            _overlay(sample),
            *([_shade(sample.depth)] if sample.depth is not None else []),
            _heat(sample.uncertainty / brightest),
        ]
        for sample in samples
    ]
    width = len(strips[0]) * CELL_PX + GAP_PX
    rows = -(-len(strips) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width, rows * (CELL_PX + GAP_PX)), "white")
    for place, strip in enumerate(strips):
        row, column = divmod(place, COLUMNS)
        for cell, pixels in enumerate(strip):
            picture = Image.fromarray(pixels).resize((CELL_PX, CELL_PX), Image.Resampling.NEAREST)
            sheet.paste(picture, (column * width + cell * CELL_PX, row * (CELL_PX + GAP_PX)))
    sheet.save(path)


def _rgb(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def _grey(data: bytes) -> NDArray[Any]:
    """A grey picture of 8 or 16 bits."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image)


def _overlay(sample: Sample) -> Pixels:
    """The mask's colours over the image (class 0 is black in the palette and stays clear), and the keypoints on it."""
    drawn = sample.image.copy()
    if sample.label is not None:
        share = 0.6 * sample.label.any(axis=2, keepdims=True)
        drawn = ((1 - share) * sample.image + share * sample.label).astype(np.uint8)
    for x, y, visibility in sample.points:
        if visibility:
            row, column = min(int(y), len(drawn) - 1), min(int(x), drawn.shape[1] - 1)
            drawn[row, column] = SEEN if visibility > 1 else COVERED
    return drawn


def _shade(depth: NDArray[np.uint16]) -> Pixels:
    """Near is bright."""
    nearest, farthest = int(depth.min()), int(depth.max())
    share = (farthest - depth.astype(np.float64)) / max(farthest - nearest, 1)
    return np.repeat((255 * share).astype(np.uint8)[..., None], 3, axis=2)


def _heat(share: NDArray[np.float64]) -> Pixels:
    """0 to 1 as black, red, yellow, white."""
    thirds = np.clip(3 * share[..., None] - np.arange(3), 0, 1)
    return (255 * thirds).astype(np.uint8)
