"""Pictures of a batch for the eye: each sample as image, label laid over it, and uncertainty."""

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

CELL_PX = 128
GAP_PX = 4
COLUMNS = 4


@dataclass(frozen=True)
class Sample:
    """One sample out of a shard: RGB image, the mask in its palette's colours, uncertainty 0 to 255, and its facts."""

    image: Pixels
    label: Pixels
    uncertainty: Pixels
    facts: dict[str, object]


def read_shard(data: bytes) -> list[Sample]:
    """The samples of one WebDataset tar, in order."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    keys = sorted({name.partition(".")[0] for name in files})
    return [
        Sample(
            image=_rgb(files[f"{key}.png"]),
            label=_rgb(files[f"{key}.mask.png"]),
            uncertainty=_grey(files[f"{key}.uncertainty.png"]),
            facts=json.loads(files[f"{key}.json"]),
        )
        for key in keys
    ]


def draw_pairs(samples: list[Sample], path: Path) -> None:
    """A sheet of all samples, `COLUMNS` to a row, each as image | overlay | uncertainty."""
    brightest = max(float(np.quantile([s.uncertainty for s in samples], 0.995)), 1.0)
    strips = [
        [sample.image, _overlay(sample), _heat(sample.uncertainty / brightest)]
        for sample in samples
    ]
    width = 3 * CELL_PX + GAP_PX
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


def _grey(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image)


def _overlay(sample: Sample) -> Pixels:
    """The label's colours over the image; class 0 is black in the palette and stays clear."""
    share = 0.6 * sample.label.any(axis=2, keepdims=True)
    return ((1 - share) * sample.image + share * sample.label).astype(np.uint8)


def _heat(share: NDArray[np.float64]) -> Pixels:
    """0 to 1 as black, red, yellow, white."""
    thirds = np.clip(3 * share[..., None] - np.arange(3), 0, 1)
    return (255 * thirds).astype(np.uint8)
