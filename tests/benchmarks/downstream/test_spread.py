"""The measured spread is the one that scores were made with."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.downstream.spread import spread
from tests.workers.evaluating.confusions import PORTRAITS, HeldOut, training


def test_the_planted_spread_is_found() -> None:
    """Images, trainings and both together, within a fifth, on classes with many pixels."""
    rng = np.random.default_rng(0)
    planted = replace(
        PORTRAITS, shares=(0.4, 0.3, 0.3), presence=(1, 1, 0.5), accuracy=(0.7, 0.6, 0.5)
    )
    planted = replace(planted, image=0.8, training=0.3, both=0.5)
    held_out = HeldOut.drawn(100, rng, planted)
    trainings = [training(held_out, rng, spread=planted) for _ in range(20)]
    confusions = np.stack([one.by_task["segmentation"]["confusion"] for one in trainings])
    found = spread(confusions)
    assert found["image"] == pytest.approx(0.8, rel=0.2)
    assert found["training"] == pytest.approx(0.3, rel=0.3)
    assert found["both"] == pytest.approx(0.5, rel=0.2)
    assert found["presence"] == pytest.approx([1, 1, 0.5], abs=0.15)
