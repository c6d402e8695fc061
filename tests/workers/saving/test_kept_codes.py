"""Kept codes: what their key depends on, and what they mean for the progress of a fit."""

import pytest
import torch
from torch import Tensor

from contracts.fits.fit import FitRequest
from models.states import Resumption
from tests.workers.scene import QUICK, Scene
from workers.runtime.jobs import Run
from workers.saving.kept_codes import KeptCodes, Measured
from workers.saving.saved_states import OnStep

IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
MEASURED = Measured(torch.rand(2, 4), (0.1, 1 / 3), (None, None), (True, False), (0.9, 0.2))


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a fit that has not started."""
    return scene.request_fit()


class Inversion:
    """Counts its calls; each takes eight image-steps."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _: Resumption, on_step: OnStep) -> Measured:
        self.calls += 1
        on_step(8, 8)
        return MEASURED


def find(
    scene: Scene,
    fit: FitRequest,
    invert: Inversion,
    images: Tensor,
    condition: Tensor | None = None,
) -> Measured:
    """Return the codes of some images, as a new attempt at the fit."""
    kept = KeptCodes(Run(scene.machine, fit.ref), fit, fit.labelset.id)
    return kept.codes_of(images, condition, invert, lambda *_: None)


def test_codes_are_found_with_all_their_bits(scene: Scene, fit: FitRequest) -> None:
    """The second call inverts nothing."""
    invert = Inversion()
    find(scene, fit, invert, IMAGES)
    found = find(scene, fit, invert, IMAGES)
    assert invert.calls == 1
    assert torch.equal(found.codes, MEASURED.codes)
    assert vars(found) | {"codes": None} == vars(MEASURED) | {"codes": None}


def test_everything_that_decides_codes_is_in_their_key(scene: Scene, fit: FitRequest) -> None:
    """Other pixels, fewer images, a class, another option, encoder or generator: each is inverted."""
    invert = Inversion()
    find(scene, fit, invert, IMAGES)
    changed = IMAGES.clone()
    changed[0, 0, 0, 0] += 1 / 128
    find(scene, fit, invert, changed)
    find(scene, fit, invert, IMAGES[:1])
    find(scene, fit, invert, IMAGES, torch.tensor([0, 1]))
    inversion = QUICK.inversion.model_copy(update={"steps": 5})
    options = fit.options.model_copy(update={"inversion": inversion})
    generator = fit.generator.model_copy(update={"digest": "0" * 64})
    for other in ({"options": options}, {"inverter_digest": "1" * 64}, {"generator": generator}):
        find(scene, fit.model_copy(update=other), invert, IMAGES)
    assert invert.calls == 7


def test_no_remaining_time_follows_from_found_codes(scene: Scene, fit: FitRequest) -> None:
    """Half of the image-steps are found at once; the others take long at one per second."""
    find(scene, fit, Inversion(), IMAGES)
    run = Run(scene.machine, fit.ref)
    step = run.steps("inverting")
    kept = KeptCodes(run, fit, fit.labelset.id)
    kept.codes_of(IMAGES, None, Inversion(), lambda done, _: step(done, 16))
    progress = scene.machine.ledger.live(fit.ref).progress
    assert progress is not None
    assert (progress.done, progress.total, progress.eta_seconds) == (8, 16, None)
    while progress is None or progress.done == 8:
        step(9, 16)
        progress = scene.machine.ledger.live(fit.ref).progress
    assert progress.eta_seconds is not None
    assert progress.eta_seconds > 5
