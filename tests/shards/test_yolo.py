"""YOLO exports: names in order, a separate validation split, numbers that a reader accepts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from handsoff_shards.formats import files_of, write_folder
from handsoff_shards.labels import KeypointLabels, Labels
from handsoff_shards.yolo import mirrored_points
from tests.shards.consumers import LABELS, POINTS, shard_set

PORTRAIT = (
    *("background", "skin", "hair", "eyes", "brows", "nose", "mouth", "neck", "clothing"),
    *("glasses", "hat", "bg_left", "clothing_left", "hair_left"),
)
ODD = ("background", "no", "1", 'a "b"', "größe", "\U0001f600", "x\u2028y", "k: v # c", "~")


def exported(folder: Path, num_samples: int, name: str, labels: Labels = LABELS) -> Any:
    """Write an export to `folder`/out, and return the content of its data.yaml."""
    write_folder(files_of(shard_set(folder, num_samples, labels), name), folder / "out")
    return YAML(typ="safe").load((folder / "out/data.yaml").read_text("ascii"))


@pytest.mark.parametrize("classes", [PORTRAIT, ODD])
def test_names_have_integer_keys_in_class_order(tmp_path: Path, classes: tuple[str, ...]) -> None:
    """Text keys would sort as 0, 1, 10, 11, 2. Every name is read unchanged."""
    names = exported(tmp_path, 2, "yolo-seg", Labels(classes))["names"]
    assert list(names.items()) == list(enumerate(classes[1:]))


@pytest.mark.parametrize("name", ["yolo-seg", "yolo-pose"])
@pytest.mark.parametrize(
    ("num_samples", "validation"), [(2, [1]), (12, [1, 11]), (23, [1, 11, 21])]
)
def test_a_tenth_is_for_validation(
    tmp_path: Path, name: str, num_samples: int, validation: list[int]
) -> None:
    """It is disjoint from training, always the same, and never empty. Each image has a label file."""
    data = exported(tmp_path, num_samples, name)
    stems = {}
    for split in ("train", "val"):
        images = tmp_path / "out" / data[split]
        labels = tmp_path / "out" / data[split].replace("images", "labels")
        stems[split] = {int(path.stem) for path in images.iterdir()}
        assert stems[split] == {int(path.stem) for path in labels.iterdir()}
    assert sorted(stems["val"]) == validation
    assert stems["train"] == set(range(num_samples)) - stems["val"]


def test_a_single_sample_is_not_split(tmp_path: Path) -> None:
    """It is used for both splits, because their folders must exist."""
    data = exported(tmp_path, 1, "yolo-seg")
    assert data["train"] == data["val"] == "images/train"
    assert (tmp_path / "out/images/train/000000000.png").exists()


@pytest.mark.parametrize(("name", "columns"), [("yolo-seg", None), ("yolo-pose", 5 + 3 * 3)])
def test_labels_follow_the_rules_of_ultralytics(
    tmp_path: Path, name: str, columns: int | None
) -> None:
    """Its rules: known classes, coordinates from 0 to 1, at least three corners, boxes with width."""
    data = exported(tmp_path, 4, name)
    for path in sorted((tmp_path / "out/labels").rglob("*.txt")):
        for line in path.read_text().splitlines():
            index, *numbers = line.split()
            assert int(index) in data["names"]
            values = np.array(numbers, np.float64)
            places = values if columns is None else values[:4]
            assert places.min() >= 0
            assert places.max() <= 1
            if columns is None:
                assert len(values) >= 6
                assert len(values) % 2 == 0
            else:
                assert len(values) + 1 == columns
                points = values[4:].reshape(-1, 3)
                assert (points[:, :2] >= 0).all()
                assert (points[:, :2] <= 1).all()
                assert set(points[:, 2]) <= {0, 1, 2}
                assert (points[points[:, 2] == 0] == 0).all()
                assert values[2:4].min() > 0
                low, high = values[:2] - values[2:4] / 2, values[:2] + values[2:4] / 2
                assert low.min() >= -1e-6
                assert high.max() <= 1 + 1e-6
    assert (tmp_path / "out/labels/train/000000002.txt").read_text() == ""


@pytest.mark.parametrize(
    ("names", "mirrored"),
    [
        (POINTS, [1, 0, 2]),
        (("L ear", "chin", "R ear"), [2, 1, 0]),
        (("mouth-right", "mouth-left"), [1, 0]),
        (("p1", "p2"), None),
        (("left_eye", "nose"), None),
        (("leftover", "copyright"), None),
    ],
)
def test_keypoints_are_mirrored_by_their_names(
    names: tuple[str, ...], mirrored: list[int] | None
) -> None:
    """When the names do not say it, there is no list, and Ultralytics mirrors no image."""
    assert mirrored_points(names) == mirrored


def test_the_mirrored_keypoints_are_in_the_file(tmp_path: Path) -> None:
    """The file has the number of keypoints, and the list if there is one."""
    data = exported(tmp_path, 2, "yolo-pose")
    assert (data["kpt_shape"], data["flip_idx"]) == ([3, 3], [1, 0, 2])
    (tmp_path / "other").mkdir()
    unpaired = Labels(keypoints=KeypointLabels(("a", "b", "c")))
    assert "flip_idx" not in exported(tmp_path / "other", 2, "yolo-pose", unpaired)
