"""Shards are read and their samples are drawn."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples.demo.pictures import (
    CELL_PX,
    COLUMNS,
    GAP_PX,
    HIDDEN,
    LEGEND_PX,
    LINE_PX,
    SCALE_PX,
    VISIBLE,
    Sample,
    draw_pairs,
    read_shard,
)


def png(mode: str) -> bytes:
    """Return a gray 8 x 8 picture."""
    buffer = io.BytesIO()
    Image.new(mode, (8, 8), 200 if mode == "L" else (200, 200, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def shard(*indices: int) -> bytes:
    """Return a tar of samples in the format of a worker."""
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
    """Every sample has its four parts, ordered by index."""
    samples = read_shard(shard(7, 3))
    assert [sample.metadata["index"] for sample in samples] == [3, 7]
    assert samples[0].label is not None
    assert samples[0].image.shape == samples[0].label.shape == (8, 8, 3)
    assert samples[0].uncertainty.shape == (8, 8)


TOP = LEGEND_PX + LINE_PX
STRIP = LINE_PX + CELL_PX + GAP_PX
ALL = Sample(
    image=np.zeros((8, 8, 3), np.uint8),
    uncertainty=np.full((8, 8), 51, np.uint8),
    metadata={"index": 7, "score": 0.125},
    label=np.full((8, 8, 3), (10, 200, 30), np.uint8),
    points=((2.5, 3.5, 2),),
    depth=np.arange(64, dtype=np.uint16).reshape(8, 8),
    palette=((0, 0, 0), (10, 200, 30), (200, 100, 50)),
)


def drawn(path: Path, samples: list[Sample], classes: tuple[str, ...] = ()) -> NDArray[np.uint8]:
    """Draw a sheet of these samples."""
    draw_pairs(samples, path / "pairs.png", classes)
    with Image.open(path / "pairs.png") as sheet:
        return np.array(sheet)


def ink(pixels: NDArray[np.uint8]) -> int:
    """Count the dark pixels."""
    return int((pixels.max(axis=2) < 128).sum())


def test_every_label_is_drawn(tmp_path: Path) -> None:
    """Keypoints are drawn on the mask; depth has its own cell."""
    sheet = drawn(tmp_path, [ALL])
    assert sheet.shape[1] == COLUMNS * (4 * CELL_PX + GAP_PX)
    cell, above = CELL_PX // 8, TOP + LINE_PX
    assert tuple(sheet[above + 3 * cell + 1, CELL_PX + 2 * cell + 1]) == VISIBLE
    assert tuple(sheet[above, 2 * CELL_PX]) == (255, 255, 255)


def test_pairs_are_drawn_as_triplets(tmp_path: Path) -> None:
    """A row holds four samples of three cells; the fifth sample begins the next row."""
    sheet = drawn(tmp_path, read_shard(shard(*range(5))))
    assert sheet.shape[:2] == (TOP + 2 * STRIP, COLUMNS * (3 * CELL_PX + GAP_PX))
    assert sheet.min() < 255


def test_the_legend_has_the_classes_and_the_scale(tmp_path: Path) -> None:
    """Colors come from the mask's palette without the transparent index 0. The scale goes from black to white."""
    named = drawn(tmp_path, [ALL], ("background", "skin", "hair"))[:LEGEND_PX]
    colors = {tuple(pixel) for pixel in named.reshape(-1, 3).tolist()}
    assert {(10, 200, 30), (200, 100, 50), VISIBLE, HIDDEN} <= colors
    bare = drawn(tmp_path, [replace(ALL, points=(), palette=())])[:LEGEND_PX]
    assert ink(named) > ink(bare) > 0
    assert (bare == (255, 0, 0)).all(axis=2).any()


def test_a_long_legend_does_not_cover_the_scale(tmp_path: Path) -> None:
    """Classes that do not fit are counted instead of drawn."""
    many = replace(ALL, palette=((1, 2, 3),) * 256)
    names = tuple(f"a class with a long name {number}" for number in range(256))
    full = drawn(tmp_path, [many], names)[:LEGEND_PX, -SCALE_PX - 120 :]
    bare = drawn(tmp_path, [many])[:LEGEND_PX, -SCALE_PX - 120 :]
    np.testing.assert_array_equal(full, bare)


def test_each_sample_has_titles_and_its_score(tmp_path: Path) -> None:
    """Titles are above every column of cells, scores above every sample."""
    sheet = drawn(tmp_path, [ALL] * 5)
    width = 4 * CELL_PX + GAP_PX
    for column in range(COLUMNS):
        for cell in range(4):
            left = column * width + cell * CELL_PX
            assert ink(sheet[LEGEND_PX:TOP, left : left + CELL_PX]) > 0
    unnamed = drawn(tmp_path, [replace(ALL, metadata={})] * 5)
    for top in (TOP, TOP + STRIP):
        caption = slice(top, top + LINE_PX)
        assert ink(sheet[caption, :width]) > ink(unnamed[caption, :width]) > 0
