"""Reading shards and drawing their samples."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from examples.demo.pictures import CELL_PX, COLUMNS, GAP_PX, draw_pairs, read_shard


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
    assert samples[0].image.shape == samples[0].label.shape == (8, 8, 3)
    assert samples[0].uncertainty.shape == (8, 8)


def test_pairs_are_drawn_as_triplets(tmp_path: Path) -> None:
    """One row holds four samples of three cells; a fifth begins the next row."""
    draw_pairs(read_shard(shard(*range(5))), tmp_path / "pairs.png")
    with Image.open(tmp_path / "pairs.png") as drawn:
        assert drawn.size == (COLUMNS * (3 * CELL_PX + GAP_PX), 2 * (CELL_PX + GAP_PX))
        assert np.asarray(drawn).min() < 255
