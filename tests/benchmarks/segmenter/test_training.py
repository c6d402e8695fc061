"""Training of the reference segmenter can be resumed, and its renderings are cached."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.segmenter.network import Segmenter, SegmenterConfig, segment
from benchmarks.segmenter.renderings import Renderings, cached_renderings, render_pairs
from benchmarks.segmenter.training import TrainingOptions, augment, train_segmenter

CONFIG = SegmenterConfig(num_classes=11, channels=(4, 8))


class Interrupted(Exception):
    """Simulates a process that ends during a training."""


@pytest.fixture(scope="module")
def pairs() -> Renderings:
    """Return sixteen portraits."""
    return render_pairs(4000, range(16))


def trained(pairs: Renderings, checkpoint: Path, *, stop_at: int | None = None) -> Segmenter:
    """Train up to six steps from fixed initial weights."""

    def on_step(done: int, total: int, loss: float) -> None:
        assert total == 6
        assert loss > 0.0
        if done == stop_at:
            raise Interrupted

    torch.manual_seed(0)
    segmenter = Segmenter(CONFIG)
    options = TrainingOptions(epochs=3, batch=8, checkpoint_steps=2)
    train_segmenter(segmenter, pairs, options, checkpoint=checkpoint, on_step=on_step)
    return segmenter


def test_a_mask_has_the_size_of_its_image(pairs: Renderings) -> None:
    """Every pixel has one class, and the micro-batch size does not change it."""
    segmenter = Segmenter(CONFIG).eval()
    masks = segment(segmenter, pairs.images)
    assert masks.shape == pairs.masks.shape
    np.testing.assert_array_equal(masks, segment(segmenter, pairs.images, micro_batch=5))


def test_an_interrupted_training_ends_at_the_same_weights(
    pairs: Renderings, tmp_path: Path
) -> None:
    """A training stopped after step 5 resumes from step 4 and ends with the same weights."""
    whole = trained(pairs, tmp_path / "whole.checkpoint")
    with pytest.raises(Interrupted):
        trained(pairs, tmp_path / "cut.checkpoint", stop_at=5)
    resumed = trained(pairs, tmp_path / "cut.checkpoint")
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(tensor, resumed.state_dict()[name])


def test_augmentation_mirrors_image_and_mask_together() -> None:
    """A bright half and its class move to the same side."""
    images = torch.full((32, 3, 8, 8), -0.9)
    images[..., :4] = 0.9
    masks = (images[:, 0] > 0).long()
    changed, moved = augment(images, masks, torch.Generator().manual_seed(0))
    inner = [0, 1, 2, 5, 6, 7]  # the blur crosses the edge in the middle
    assert ((changed.mean(dim=1) > 0).long() == moved)[..., inner].all()
    assert 0 < int(moved[:, 0, 0].sum()) < 32


def test_renderings_are_cached(tmp_path: Path) -> None:
    """The second call reads the file that the first one wrote."""
    first = cached_renderings(tmp_path, "segmenter-testing", 3)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    again = cached_renderings(tmp_path, "segmenter-testing", 3)
    np.testing.assert_array_equal(first.masks, again.masks)
    assert path.stat().st_mtime_ns == written
