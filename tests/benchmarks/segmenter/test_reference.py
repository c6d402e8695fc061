"""The benchmark of the reference segmenter: accessory counts, and reuse of trained weights."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.segmenter.reference import main, worn_shares
from examples.portraits.classes import Part


def test_a_few_stray_pixels_do_not_count_as_glasses() -> None:
    """Fifty pixels count as glasses, forty-nine do not."""
    masks = np.zeros((4, 64, 64), np.uint8)
    masks[0].flat[:49] = Part.GLASSES
    masks[1].flat[:50] = Part.GLASSES
    assert worn_shares(masks) == {"glasses": 0.25, "hat": 0.0}


def test_small_masks_count_by_area() -> None:
    """At 32 px thirteen pixels count, as fifty at 64 px."""
    masks = np.zeros((2, 32, 32), np.uint8)
    masks[0].flat[:12] = Part.HAT
    masks[1].flat[:13] = Part.HAT
    assert worn_shares(masks) == {"glasses": 0.0, "hat": 0.5}


def test_the_benchmark_ends_in_one_line_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short training is scored on new renderings. A second run reuses the weights."""
    arguments = ["--folder", str(tmp_path), "--renderings", "64", "--epochs", "1", "--tests", "40"]
    assert main(arguments) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    written = (tmp_path / "reference-segmenter.safetensors").stat().st_mtime_ns
    assert main(arguments) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert first == again
    assert 0.0 <= first["miou"] <= 1.0
    assert (tmp_path / "reference-segmenter.safetensors").stat().st_mtime_ns == written
