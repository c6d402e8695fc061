"""Read exports with the programs of their formats, each in a separate environment (`make export-check`)."""

import json
from pathlib import Path

import numpy as np
import pytest

from handsoff_shards.formats import files_of, write_folder
from handsoff_shards.regions import find_parts
from tests.environments import environment, run
from tests.shards.consumers import CLASSES, mask_of, shard_set

pytestmark = [pytest.mark.export_check, pytest.mark.timeout(3_600)]

SCRIPTS = Path(__file__).parent / "readers"
SUPERVISION = ("supervision==0.31.2",)
# torchvision must match torch. Both are not in the environment of the product.
ULTRALYTICS = ("torch==2.14.1", "torchvision==0.29.1", "ultralytics==8.4.190")
NUM_SAMPLES = 12
OBJECTS = list(CLASSES[1:])


@pytest.fixture(scope="module")
def supervision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with supervision."""
    return environment(tmp_path_factory.mktemp("supervision"), SUPERVISION)


@pytest.fixture(scope="module")
def ultralytics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with Ultralytics (5.5 GB with CUDA's libraries)."""
    return environment(tmp_path_factory.mktemp("ultralytics"), ULTRALYTICS)


def exported(folder: Path, name: str, *, instances: bool = False) -> Path:
    """Write an export of a batch that is difficult for readers."""
    write_folder(files_of(shard_set(folder, NUM_SAMPLES), name, instances=instances), folder / name)
    return folder / name


def counts_of(index: int) -> list[int]:
    """Return the number of connected parts of each class."""
    parts = [part.value for part in find_parts(mask_of(index), range(1, len(CLASSES)))]
    return [parts.count(value) for value in range(1, len(CLASSES))]


def test_supervision_reads_coco_exactly(supervision: Path, tmp_path: Path) -> None:
    """Classes are in order, each has one region, and the pixels are equal."""
    folder = exported(tmp_path, "coco")
    run(supervision, SCRIPTS / "read_with_supervision.py", "coco", folder, tmp_path / "read.npz")
    read = np.load(tmp_path / "read.npz")
    assert read["names"].tolist() == [*OBJECTS, "keypoints"]
    for index in range(NUM_SAMPLES):
        truth, mask = mask_of(index), read[f"{index:09d}.mask"]
        covered = mask == len(CLASSES)  # the box of the keypoints covers regions
        np.testing.assert_array_equal(mask[~covered], truth[~covered])
        assert read[f"{index:09d}.count"][:-1].tolist() == [int(n > 0) for n in counts_of(index)]


def test_supervision_reads_instances(supervision: Path, tmp_path: Path) -> None:
    """There is one object for each connected part."""
    folder = exported(tmp_path, "coco", instances=True)
    run(supervision, SCRIPTS / "read_with_supervision.py", "coco", folder, tmp_path / "read.npz")
    read = np.load(tmp_path / "read.npz")
    for index in range(NUM_SAMPLES):
        assert read[f"{index:09d}.count"][:-1].tolist() == counts_of(index)


def test_supervision_reads_yolo(supervision: Path, tmp_path: Path) -> None:
    """Classes are in order, and both splits have one object for each connected part."""
    folder = exported(tmp_path, "yolo-seg")
    run(supervision, SCRIPTS / "read_with_supervision.py", "yolo", folder, tmp_path / "read.npz")
    read = np.load(tmp_path / "read.npz")
    assert read["names"].tolist() == OBJECTS
    for index in range(NUM_SAMPLES):
        assert read[f"{index:09d}.count"].tolist() == counts_of(index)


def test_ultralytics_accepts_every_label(ultralytics: Path, tmp_path: Path) -> None:
    """No file and no object is dropped, images without an object are backgrounds, splits are disjoint."""
    folder = exported(tmp_path, "yolo-seg")
    run(
        ultralytics, SCRIPTS / "read_with_ultralytics.py", folder, "segment", tmp_path / "read.json"
    )
    read = json.loads((tmp_path / "read.json").read_text())
    assert read["names"] == OBJECTS
    assert not set(read["train"]) & set(read["val"])
    expected = {f"{index:09d}": sum(counts_of(index)) for index in range(NUM_SAMPLES)}
    assert read["train"] | read["val"] == expected


def test_ultralytics_accepts_every_pose(ultralytics: Path, tmp_path: Path) -> None:
    """There is one object for each image with a labelled keypoint. Sample 2 has none."""
    folder = exported(tmp_path, "yolo-pose")
    run(ultralytics, SCRIPTS / "read_with_ultralytics.py", folder, "pose", tmp_path / "read.json")
    read = json.loads((tmp_path / "read.json").read_text())
    expected = {f"{index:09d}": int(index != 2) for index in range(NUM_SAMPLES)}
    assert read["train"] | read["val"] == expected
