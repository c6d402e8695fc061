"""Labelsets contain every class and have the layout that the service expects."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.portraits.classes import CLASS_NAMES
from examples.portraits.labelset import stratified_indices, write_labelset
from examples.portraits.population import draw_portrait
from examples.portraits.render import render
from examples.portraits.splits import seed_of


def wearers(seed: int, indices: list[int]) -> Counter[str]:
    """Count the portraits with glasses and with a hat."""
    portraits = [draw_portrait(seed, index) for index in indices]
    return Counter(
        glasses=sum(portrait.glasses is not None for portrait in portraits),
        hat=sum(portrait.hat is not None for portrait in portraits),
    )


@pytest.mark.parametrize("draw", range(5))
def test_sixteen_hold_two_with_glasses_and_two_with_hats(draw: int) -> None:
    """Every draw has exactly two of each."""
    seed = seed_of("labelled", draw)
    indices = stratified_indices(seed, 16)
    assert len(set(indices)) == 16
    assert wearers(seed, indices) == {"glasses": 2, "hat": 2}


@pytest.mark.parametrize(("count", "glasses", "hats"), [(50, 3, 2), (200, 10, 6)])
def test_larger_sets_keep_the_shares(count: int, glasses: int, hats: int) -> None:
    """Shares are rounded up, at least two each."""
    seed = seed_of("heldout")
    assert wearers(seed, stratified_indices(seed, count)) == {"glasses": glasses, "hat": hats}


def test_too_small_a_set_is_refused() -> None:
    """A set needs at least two portraits with glasses and two with hats."""
    with pytest.raises(ValueError, match="expected a count of at least 4"):
        stratified_indices(2000, 3)


def test_every_class_occurs_in_sixteen(tmp_path: Path) -> None:
    """The masks of a set, read from their files, contain all classes."""
    stems = write_labelset(tmp_path, name="sixteen", seed=seed_of("labelled"), count=16)
    masks = [np.asarray(Image.open(tmp_path / "masks" / f"{stem}.png")) for stem in stems]
    assert set(np.unique(masks)) == set(range(len(CLASS_NAMES)))


def test_files_contain_the_renderings(tmp_path: Path) -> None:
    """Image, mask and depth read from the PNGs equal the rendering."""
    (stem, *_) = write_labelset(tmp_path, name="four", seed=2000, count=4, all_truth=True)
    truth = render(2000, int(stem.rsplit("-", 1)[1]))
    read = {f: Image.open(tmp_path / f / f"{stem}.png") for f in ("images", "masks", "depth")}
    assert read["masks"].mode == "P"
    np.testing.assert_array_equal(np.asarray(read["images"]), truth.image)
    np.testing.assert_array_equal(np.asarray(read["masks"]), truth.mask)
    np.testing.assert_allclose(np.asarray(read["depth"]) / 65535.0, truth.depth, atol=1e-5)
    points = json.loads((tmp_path / "keypoints" / f"{stem}.json").read_text())["keypoints"]
    assert [point["visibility"] for point in points] == truth.keypoints[:, 2].astype(int).tolist()


def test_the_schema_declares_the_labels(tmp_path: Path) -> None:
    """Keypoints and depth are declared only with `all_truth`; skeleton and reference use keypoint names."""
    for all_truth in (False, True):
        write_labelset(tmp_path, name="four", seed=2000, count=4, all_truth=all_truth)
        schema = json.loads((tmp_path / "labelset.json").read_text())
        assert {"keypoints", "depth"} <= set(schema) or not all_truth
    named = {name for line in schema["keypoints"]["skeleton"] for name in line}
    assert named | set(schema["keypoints"]["reference"]) <= set(schema["keypoints"]["names"])
    assert schema["depth"]["unknown"] is None
