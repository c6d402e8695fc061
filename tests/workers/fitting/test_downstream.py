"""What the job hands to trainings: mirrored names, sizes, and frozen features."""

import zipfile
from pathlib import Path

import pytest

from contracts.schemas import LabelSchema
from models.downstream.options import DownstreamOptions
from models.downstream.training import Plan, train
from models.inversion.squeezenet import SqueezeNet
from tests.models.downstream.shapes import TASKS, shapes
from workers.evaluating.scoring import score_network
from workers.fitting.downstream import mirror_swaps, network_px
from workers.fitting.perceptual_ports import read_mounted

# Beside the checkout, or beside a folder that contains it.
PLACES = [parent / "shared/data/squeezenet.zip" for parent in Path(__file__).resolve().parents]
DATA = next((place for place in PLACES if place.exists()), None)


def test_sides_of_classes_and_keypoints_are_swapped() -> None:
    """Both tasks get the permutation of their names."""
    labels = LabelSchema.model_validate(
        {
            "classes": ["none", "l_eye", "r_eye"],
            "keypoints": {"names": ["right", "nose", "left"]},
        }
    )
    assert mirror_swaps(labels) == {"segmentation": [0, 2, 1], "keypoints": [2, 1, 0]}


def test_a_side_without_a_partner_forbids_mirroring() -> None:
    """Also when the other task has partners."""
    labels = LabelSchema.model_validate(
        {"classes": ["none", "skin"], "keypoints": {"names": ["left eye"]}}
    )
    assert mirror_swaps(labels) is None


def test_large_images_are_read_smaller() -> None:
    """The longer side is at most 256 px, the shape stays."""
    assert network_px((1024, 512)) == (256, 128)
    assert network_px((64, 48)) == (64, 48)


@pytest.mark.skipif(DATA is None, reason="SqueezeNet's weights are not at hand")
def test_a_head_on_a_mounted_network_learns(tmp_path: Path) -> None:
    """Features of the SqueezeNet that an operator mounts, and a head trained on 12 images."""
    network = _mounted(tmp_path)
    options = DownstreamOptions(steps=30, batch=4, checks=1)
    trained = train(
        Plan(pairs=shapes(12, 0), tasks=TASKS, options=options, seed=0, features=network)
    )
    confusion = score_network(trained, shapes(20, 1), TASKS).by_task["segmentation"]["confusion"]
    total = confusion.sum(axis=0)
    assert total.trace() / total.sum() > 0.9
    assert all(total.diagonal() > 0)


def _mounted(folder: Path) -> SqueezeNet:
    assert DATA is not None
    with zipfile.ZipFile(DATA) as packed:
        names = [name for name in packed.namelist() if name.endswith(".npz") and "1_1" in name]
        path = Path(packed.extract(names[0], folder))
    return read_mounted(path)
