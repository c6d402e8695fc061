"""Reading shards and drawing their samples."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from examples.demo.pictures import (
    CELL_PX,
    COLUMNS,
    GAP_PX,
    SEEN,
    Sample,
    draw_pairs,
    read_shard,
)


def png(mode: str) -> bytes:
    """A grey 8 x 8 picture."""
    buffer = io.BytesIO()
    Image.new(mode, (8, 8), 200 if mode == "L" else (200, 200, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def shard(*indices: int) -> bytes:
    """A tar of samples as a worker writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for index in indices:
            key = f"{index:09d}"
            files = {
                f"{key}.png": png("RGB"),
                f"{key}.mask.png": png("L"),
                f"{key}.uncertainty.png": png("L"),
                f"{key}.json": json.dumps({"index": index}).encode(),
            }
            for name, data in files.items():
                header = tarfile.TarInfo(name)
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def test_a_shard_is_read_in_order() -> None:
    """Every sample with its four parts, by index."""
    samples = read_shard(shard(7, 3))
    assert [sample.facts["index"] for sample in samples] == [3, 7]
    assert samples[0].label is not None
    assert samples[0].image.shape == samples[0].label.shape == (8, 8, 3)
    assert samples[0].uncertainty.shape == (8, 8)


def test_every_label_is_drawn(tmp_path: Path) -> None:
    """Keypoints lie on the mask, depth has a cell of its own."""
    seen = Sample(
        image=np.zeros((8, 8, 3), np.uint8),
        uncertainty=np.zeros((8, 8), np.uint8),
        facts={},
        points=((2.5, 3.5, 2),),
        depth=np.arange(64, dtype=np.uint16).reshape(8, 8),
    )
    draw_pairs([seen], tmp_path / "pairs.png")
    with Image.open(tmp_path / "pairs.png") as drawn:
        assert drawn.width == COLUMNS * (4 * CELL_PX + GAP_PX)
        cell = CELL_PX // 8
        assert drawn.getpixel((CELL_PX + 2 * cell, 3 * cell)) == SEEN
        assert drawn.getpixel((2 * CELL_PX, 0)) == (255, 255, 255)


def test_pairs_are_drawn_as_triplets(tmp_path: Path) -> None:
    """One row holds four samples of three cells; a fifth begins the next row."""
    draw_pairs(read_shard(shard(*range(5))), tmp_path / "pairs.png")
    with Image.open(tmp_path / "pairs.png") as drawn:
        assert drawn.size == (COLUMNS * (3 * CELL_PX + GAP_PX), 2 * (CELL_PX + GAP_PX))
        assert np.asarray(drawn).min() < 255
