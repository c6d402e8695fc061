"""Promises of balanced batches: rare images are drawn more often, deterministically, and none is lost."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.training.balancing import rarity, weighted_batches
from benchmarks.training.candidates import CANDIDATES
from benchmarks.training.domains import Domain
from benchmarks.training.runs import RANDOM, Run, Yardstick, random_network, train

IMAGES = torch.arange(100.0)[:, None, None, None].expand(-1, 3, 32, 32)
WEIGHTS = np.array([1.0] * 90 + [3.0] * 10) / 120


def drawn(count: int, *, batch: int = 10, seed: int = 0) -> list[int]:
    """Return the indices of the first `count` images of the batches."""
    batches = weighted_batches(IMAGES, WEIGHTS, batch, seed=seed)
    return [int(each[0, 0, 0]) for part in islice(batches, count // batch) for each in part]


def test_rare_images_have_larger_weights() -> None:
    """Ten scattered images among 190 alike, in a direction of small scale; a higher power prefers them more."""
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(200, 4, generator=rng) * torch.tensor([100.0, 100.0, 0.001, 0.0])
    features[190:, 2] += 0.01 * torch.arange(1, 11)
    shares = [float(rarity(features, power)[190:].sum()) for power in (0.0, 1.0, 4.0)]
    assert shares[0] == pytest.approx(0.05)
    assert shares[0] < shares[1] < shares[2]
    assert rarity(features, 4.0).sum() == pytest.approx(1.0)


def test_equal_images_are_drawn_equally() -> None:
    """Copies have no distance to each other; too few images are refused with their number."""
    assert rarity(torch.ones(20, 4), 4.0) == pytest.approx(np.full(20, 0.05))
    with pytest.raises(ValueError, match="more than 10 images, got 10"):
        rarity(torch.ones(10, 4), 4.0)


def test_images_are_drawn_by_their_weights() -> None:
    """Over 12 epochs of 100 images: a weight of 1 in 120 is drawn ten times, one of 3 in 120 thirty times, +- 1."""
    counts = Counter(drawn(1_200))
    assert all(abs(counts[index] - 10) <= 4 for index in range(90))
    assert all(abs(counts[index] - 30) <= 4 for index in range(90, 100))
    first = Counter(drawn(100))
    assert all(2 <= first[index] <= 3 for index in range(90, 100))


def test_the_order_does_not_depend_on_the_batch() -> None:
    """A seed gives one order, also across the end of an epoch; another seed another one."""
    assert drawn(140, batch=10) == drawn(140, batch=20)
    assert drawn(40) != drawn(40, seed=1)


def test_the_candidate_trains_the_networks_of_the_baseline(tmp_path: Path) -> None:
    """It starts with the same weights as the baseline and differs in its batches alone."""
    noise = torch.rand(48, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    domain = Domain("portraits", noise)
    yardstick = Yardstick.of(domain, {RANDOM: random_network}, tmp_path)
    candidate, baseline = CANDIDATES["balanced batches"], CANDIDATES["baseline"]
    assert candidate.adversarial == baseline.adversarial
    starts = [
        Run.begin(each, seed=3, total_seconds=1.0).state.generator.state_dict()
        for each in (candidate, baseline)
    ]
    assert all(torch.equal(tensor, starts[1][name]) for name, tensor in starts[0].items())
    run, rows = train(candidate, domain, yardstick, seed=3, marks=(0.1,), pretrained=None)
    assert rows[-1]["images"] == run.state.images_seen > 0
