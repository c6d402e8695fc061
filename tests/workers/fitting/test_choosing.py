"""The choice of the features that a fit reads, if the request leaves it open."""

from functools import partial

import pytest
import torch

from benchmarks.defaults import ensemble_options
from contracts.fits.metrics import DepthMetrics, Estimate, KeypointMetrics
from contracts.jobs import JobStatus
from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import build_ensemble
from tests.workers.scene import CONFIG, LABELS, PX, QUICK, Scene
from workers.codecs.registry import TASKS
from workers.fitting import choosing, fits
from workers.fitting.choosing import choose_features
from workers.fitting.estimates import CrossValidation
from workers.fitting.pairs import Pairs
from workers.fitting.trainer import Trainer
from workers.runtime.micro_batches import MicroBatches

OPEN = QUICK.model_copy(
    update={"estimate": True, "ensemble": QUICK.ensemble.model_copy(update={"min_tap_px": None})}
)


@pytest.fixture
def trainer() -> Trainer:
    """Return a trainer without images; the tests replace its estimates."""
    return Trainer(
        generator=Generator(CONFIG),
        pairs=Pairs(names=(), images=(), labels=(), schema=LABELS, codecs=TASKS, px=(PX, PX)),
        codes=torch.zeros(0, CONFIG.num_ws, CONFIG.w_dim),
        options=ensemble_options(),
        seed=0,
        micro_batches=MicroBatches(1),
        digest="",
    )


def quality(miou: float, pck: float | None = None, absrel: float | None = None) -> Estimate:
    """Return an estimate of the given metrics."""
    points = KeypointMetrics(pck=pck, point_pck={}, mean_error_px=None, visibility_accuracy=None)
    depth = DepthMetrics(absrel=absrel, rmse=None, delta1=None)
    return Estimate(
        miou=miou,
        keypoints=None if pck is None else points,
        depth=None if absrel is None else depth,
        num_folds=5,
        num_members=3,
        num_steps=500,
    )


@pytest.mark.parametrize(
    ("all_features", "fine_features", "expected"),
    [
        (quality(0.5), quality(0.6), 16),
        (quality(0.6), quality(0.5), 0),
        (quality(0.5), quality(0.5), 0),
        (quality(0.50, pck=0.9), quality(0.52, pck=0.8), 0),
        (quality(0.52, absrel=0.2), quality(0.50, absrel=0.1), 16),
    ],
)
def test_the_better_estimate_decides(
    trainer: Trainer,
    all_features: Estimate,
    fine_features: Estimate,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mean over the tasks decides; a tie means all features. The estimate of the chosen features is reported."""
    estimates = {0: all_features, 16: fine_features}
    validations = {px: CrossValidation(one, [], []) for px, one in estimates.items()}
    monkeypatch.setattr(
        choosing, "cross_validate", lambda one, _: validations[one.options.min_tap_px]
    )
    chosen, validation = choose_features(trainer, lambda *_: None)
    assert chosen.options.min_tap_px == expected
    assert validation == validations[expected]


@pytest.mark.parametrize(("num_images", "choices"), [(4, {0, 16}), (1, {0})])
def test_a_fit_reports_its_features(scene: Scene, num_images: int, choices: set[int]) -> None:
    """The stored ensemble reads the reported features; with a single image there is no estimate, so it reads all."""
    fit = scene.request_fit(OPEN, labelset=scene.add_labelset(num_images))
    fits.run(scene.machine, str(fit.ref), 1)
    manifest = scene.fit_manifest(fit.ref)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert manifest.metrics is not None
    assert manifest.metrics.min_tap_px in choices
    assert manifest.ensemble is not None
    build = partial(build_ensemble, kinds=[codec.kind for codec in TASKS])
    ensemble = scene.machine.loader.load(manifest.ensemble, build)
    assert ensemble.config.first_tap == CONFIG.layout.first_tap(manifest.metrics.min_tap_px)
