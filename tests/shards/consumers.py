"""Batches that are difficult for readers of exports: scattered, thin, hollow and absent classes, and keypoints."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handsoff_shards.labels import KeypointLabels, Labels
from handsoff_shards.reading import ShardSet
from handsoff_shards.writing import ShardWriter
from tests.client.conftest import png

CLASSES = ("background", "skin", "ring", "specks", "never")
POINTS = ("left_eye", "right_eye", "nose")
LABELS = Labels(CLASSES, keypoints=KeypointLabels(POINTS, (("left_eye", "right_eye"),)))
HEIGHT, WIDTH = 24, 40

Mask = NDArray[np.uint8]


def mask_of(index: int) -> Mask:
    """Return a block, a ring with a hole, and specks. Sample 2 has no object, sample 3 one pixel."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if index == 2:
        return mask
    if index == 3:
        mask[HEIGHT - 1, WIDTH - 1] = 1
        return mask
    mask[2:9, 3 + index : 12] = 1
    mask[10:20, 5:15] = 2
    mask[12:18, 7:13] = 0
    specks = np.random.default_rng(index).random((HEIGHT, WIDTH - 20)) < 0.4
    mask[:, 20:][specks] = 3
    return mask


def points_of(index: int) -> list[tuple[float, float, int]]:
    """Return two labelled points and an absent one. Sample 1 has one point at the edge of the image, sample 2 none."""
    if index == 1:
        return [(0.0, 0.0, 0), (float(WIDTH), float(HEIGHT), 2), (0.0, 0.0, 0)]
    if index == 2:
        return [(5.0, 5.0, 0)] * 3
    return [(4.5, 6.25, 2), (30.75, 7.0, 1), (9.0, 9.0, 0)]


def shard_set(folder: Path, num_samples: int, labels: Labels = LABELS) -> ShardSet:
    """Write a batch of one shard with these labels."""
    path = folder / "shard.tar"
    with path.open("wb") as file, ShardWriter(file) as shard:
        for index in range(num_samples):
            shard.add(index, _files(index, labels))
    return ShardSet("batch_1", labels, [path])


def _files(index: int, labels: Labels) -> dict[str, bytes]:
    files = {"png": png(Image.new("RGB", (WIDTH, HEIGHT), (index, 9, 9)))}
    if labels.classes:
        files["mask.png"] = png(Image.fromarray(mask_of(index)))
    if labels.keypoints is not None:
        points = [
            {"name": name, "x": x, "y": y, "visibility": v}
            for name, (x, y, v) in zip(POINTS, points_of(index), strict=True)
        ]
        files["keypoints.json"] = json.dumps({"keypoints": points}).encode()
    return files | {"json": json.dumps({"index": index}).encode()}
