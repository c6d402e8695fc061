"""A batch with soft labels and ignored pixels, for the tests of exports and of their readers."""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handsoff_client import BatchFolder
from handsoff_client.answers.shards import Shard
from handsoff_client.api.resources import Batch
from handsoff_client.http.parsing import parse
from handsoff_shards.labels import KeypointLabels, Labels
from handsoff_shards.reading import ShardSet
from handsoff_shards.writing import ShardWriter, encode_keypoints, soft_label_planes
from tests.client.conftest import job, png

CLASSES = ("background", "skin", "hair")
COLORS = ((0, 0, 0), (10, 200, 30), (224, 224, 192))
"""The last one is the color of the index 255 in the usual palette."""
POINTS = ("nose",)
HEIGHT, WIDTH = 6, 9
NUM_SAMPLES = 3

Mask = NDArray[np.uint8]


def schema_of(ignore_index: int) -> dict[str, object]:
    """Return the schema as the service answers it."""
    return {
        "classes": list(CLASSES),
        "colors": COLORS,
        "ignore_index": ignore_index,
        "keypoints": {"names": list(POINTS)},
    }


def labels_of(ignore_index: int) -> Labels:
    """Return the schema as exports need it."""
    points = KeypointLabels(POINTS)
    return Labels(CLASSES, ignore_index, keypoints=points, json=schema_of(ignore_index))


def mask_of(index: int, ignore_index: int) -> Mask:
    """Return a mask with both objects; sample 0 ignores no pixel, the others a column on the border of two classes."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[1:5, 2:5], mask[1:5, 5:8] = 1, 2
    if index:
        mask[:, 4] = ignore_index
    return mask


def soft_planes_of(index: int) -> Mask:
    """Return soft labels of two classes as one picture."""
    classes = np.stack([mask_of(0, 255), (mask_of(0, 255) + 1) % len(CLASSES)]).astype(np.uint8)
    steps = np.stack([np.full((HEIGHT, WIDTH), 200 - index), np.full((HEIGHT, WIDTH), 50)])
    return soft_label_planes(classes, steps.astype(np.uint8))


def files_of(index: int, ignore_index: int) -> dict[str, bytes]:
    """Return the files of one sample; the palette is as the service writes it."""
    mask = Image.fromarray(mask_of(index, ignore_index))
    palette = [(number, number, 255) for number in range(256)]
    palette[: len(COLORS)] = COLORS
    mask.putpalette([channel for color in palette for channel in color])
    points = np.array([[4.5, 3.0, 0.9]], np.float32)
    return {
        "png": png(Image.new("RGB", (WIDTH, HEIGHT), (index, 9, 9))),
        "mask.png": png(mask),
        "soft_labels.png": png(Image.fromarray(soft_planes_of(index))),
        "keypoints.json": encode_keypoints(POINTS, points, np.array([2], np.uint8)),
        "json": json.dumps({"index": index}).encode(),
    }


def shard_set(folder: Path, ignore_index: int = 255, num_samples: int = NUM_SAMPLES) -> ShardSet:
    """Write a batch of one shard."""
    path = folder / f"shard-{ignore_index}-{num_samples}.tar"
    with path.open("wb") as file, ShardWriter(file) as shard:
        for index in range(num_samples):
            shard.add(index, files_of(index, ignore_index))
    return ShardSet("batch_1", labels_of(ignore_index), [path])


def downloaded(folder: Path, ignore_index: int = 255) -> BatchFolder:
    """Write the batch as the client downloads it."""
    folder.mkdir()
    (path,) = shard_set(folder, ignore_index).paths
    data = path.read_bytes()
    path.unlink()
    listed = {
        "index": 0,
        "num_samples": NUM_SAMPLES,
        "num_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "url": "http://service/files/0",
        "expires_at": "2026-11-22T10:00:00Z",
    }
    state = job("batch", "succeeded", n=NUM_SAMPLES, labels=schema_of(ignore_index))
    batch = BatchFolder.plan(folder, parse(Batch, state), [parse(Shard, listed)])
    batch.path_of(0).write_bytes(data)
    batch.save()
    return batch
