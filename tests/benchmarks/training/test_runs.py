"""Promises of the comparison of recipes: equal starts, equal time, and a resolution that grows without a jump."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.training.candidates import CANDIDATES, GENERATOR, Candidate
from benchmarks.training.domains import Domain, halved, read_domain
from benchmarks.training.growing import grown
from benchmarks.training.runs import Run, Yardstick, train
from models.inversion.squeezenet import SqueezeNet, SqueezeNetConfig

IMAGES = torch.rand(32, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
DOMAIN = Domain("portraits", IMAGES)


def means(images: torch.Tensor) -> torch.Tensor:
    """Return features for the distance: three numbers per image."""
    return images.mean(dim=(2, 3))


def test_recipes_see_the_same_images_in_the_same_order() -> None:
    """Two batches of 8 are one of 16, also across the end of an epoch; another seed has another order."""
    small, large = DOMAIN.batches(8, 0), DOMAIN.batches(16, 0)
    for _ in range(3):
        assert torch.equal(torch.cat([next(small), next(small)]), next(large))
    assert not torch.equal(next(DOMAIN.batches(16, 0)), next(DOMAIN.batches(16, 1)))


def test_recipes_of_one_seed_start_equally() -> None:
    """The plain recipes share every initial weight."""
    states = [
        Run.begin(CANDIDATES[name], seed=3, total_seconds=1.0).state.generator.state_dict()
        for name in ("baseline", "gamma 0.0128")
    ]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def test_a_run_ends_after_its_seconds(tmp_path: Path) -> None:
    """One row for each mark, whose training time is at least the mark and at most a step more."""
    yardstick = Yardstick.of(DOMAIN, {"means": means}, tmp_path)
    run, rows = train(Candidate(), DOMAIN, yardstick, seed=0, marks=(0.2, 1.5), pretrained=None)
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    assert run.seconds >= 1.5
    assert rows[-1]["images"] == run.state.images_seen > rows[0]["images"]
    assert np.isfinite(rows[-1]["fd_means"])
    json.dumps(rows)


def test_growing_keeps_the_image() -> None:
    """Right after it the larger generator renders the smaller one's images, enlarged."""
    run = Run.begin(Candidate(half_share=0.5), seed=0, total_seconds=10.0)
    run.step(IMAGES[:4])
    half, larger = run.state, grown(run.state, run.candidate.adversarial, None)
    z = torch.randn(4, GENERATOR.z_dim)
    with torch.no_grad():
        before, after = half.average(z), larger.average(z)
    assert (before.shape[2:], after.shape[2:]) == ((16, 16), (32, 32))
    assert torch.corrcoef(torch.stack([halved(after).flatten(), before.flatten()]))[0, 1] > 0.9
    assert larger.images_seen == 4
    old, new = half.discriminator.blocks[0], larger.discriminator.blocks[1]
    assert torch.equal(old.state_dict()["conv0.weight"], new.state_dict()["conv0.weight"])


def test_a_run_grows_after_its_share() -> None:
    """The first step after half of the time is at the full resolution."""
    run = Run.begin(Candidate(half_share=0.5), seed=0, total_seconds=10.0)
    run.seconds = 5.0
    run.step(IMAGES[:4])
    assert run.state.generator.config.image_px == (32, 32)


def test_the_learning_rate_falls_at_the_end() -> None:
    """With a decay over the last half it is untouched before, and half at three quarters."""
    run = Run.begin(Candidate(decay_share=0.5), seed=0, total_seconds=1000.0)
    run.step(IMAGES[:4])
    rate = run.state.generator_optimizer.param_groups[0]["lr"]
    run.seconds = 750.0
    run.step(IMAGES[:4])
    halfway = run.state.generator_optimizer.param_groups[0]["lr"]
    assert rate == pytest.approx(0.0025)
    assert halfway == pytest.approx(0.00125, rel=1e-3)


def test_faces_need_a_folder(tmp_path: Path) -> None:
    """Without one the error names the option."""
    with pytest.raises(ValueError, match="--data FOLDER"):
        read_domain("faces", tmp_path, None)


def test_all_learning_rates_fall_together() -> None:
    """Also that of the projected discriminator: it would win against a generator that no longer learns."""
    torch.manual_seed(0)
    network = SqueezeNet(SqueezeNetConfig()).eval().requires_grad_(False)
    candidate = Candidate({"discriminators": "both"}, batch=2, decay_share=1.0)
    run = Run.begin(candidate, seed=0, total_seconds=10.0, pretrained=network)
    assert run.state.projection is not None
    before = run.state.projection.optimizer.param_groups[0]["lr"]
    run.seconds = 5.0
    run.step(IMAGES[:2])
    rate = run.state.projection.optimizer.param_groups[0]["lr"]
    assert rate == pytest.approx(before / 2)
