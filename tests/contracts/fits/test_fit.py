"""The options of a fit."""

import pytest
from pydantic import ValidationError

from contracts.fits.options import (
    EnsembleChoice,
    EnsembleOptions,
    FitOptions,
    InversionChoice,
    resolve_ensemble,
    resolve_inversion,
)


def test_the_preset_of_the_paper() -> None:
    """`paper` is 500 steps of 10 LPIPS + 1 MSE + 1 MSE(w, w_encoder); its pixels are 0 to 1, ours -1 to 1."""
    paper = resolve_inversion(InversionChoice(preset="paper"))
    assert (paper.steps, paper.perceptual_weight, paper.pixel_weight) == (500, 10.0, 0.25)
    assert paper.encoder_pull == 1.0


def test_a_value_replaces_that_of_the_preset() -> None:
    """The other values stay those of the preset."""
    options = resolve_inversion(InversionChoice(preset="paper", steps=7))
    assert (options.steps, options.encoder_pull) == (7, 1.0)


@pytest.mark.parametrize("bad", [{"num_members": 0}, {"hidden": ()}, {"learning_rate": 2}])
def test_options_have_bounds(bad: dict[str, object]) -> None:
    """A value out of range is refused by the request, not later by the job."""
    with pytest.raises(ValidationError):
        EnsembleOptions.model_validate(bad)


def test_the_shares_of_pixels_add_up_to_at_most_100_percent() -> None:
    """Pixels at boundaries and around keypoints are parts of all drawn pixels."""
    with pytest.raises(ValidationError, match="110% of the pixels"):
        EnsembleOptions(boundary_share=0.6, keypoint_share=0.5)


def test_the_default_uses_a_perceptual_distance_only_with_a_discriminator() -> None:
    """Without one its weight is 0, unless the caller sets a weight or chooses mounted weights."""
    without = {"has_discriminator": False}
    assert resolve_inversion(InversionChoice()).perceptual_weight > 0
    assert resolve_inversion(InversionChoice(), **without).perceptual_weight == 0
    named = InversionChoice(perceptual_weight=0.5)
    assert resolve_inversion(named, **without).perceptual_weight == 0.5
    mounted = InversionChoice(perceptual="mounted")
    assert resolve_inversion(mounted, **without).perceptual_weight > 0


def test_the_ensemble_of_the_paper() -> None:
    """`"ensemble": "paper"` equals an object with that kind; the default is compact."""
    paper = FitOptions.model_validate({"ensemble": "paper"})
    spelled = FitOptions.model_validate({"ensemble": {"kind": "paper"}})
    assert resolve_ensemble(paper.ensemble) == resolve_ensemble(spelled.ensemble)
    assert resolve_ensemble(paper.ensemble).kind == "paper"
    assert resolve_ensemble(FitOptions().ensemble).kind == "compact"
    assert resolve_ensemble(EnsembleChoice(steps=7)) == EnsembleOptions(kind="compact", steps=7)


def test_a_fit_chooses_its_features_only_by_an_estimate() -> None:
    """Null leaves the choice to the fit, which needs an estimate for it; without one the request is refused."""
    undecided = {"min_tap_px": None}
    options = FitOptions.model_validate({"ensemble": undecided})
    assert resolve_ensemble(options.ensemble).min_tap_px is None
    with pytest.raises(ValidationError, match="name a number, or set estimate"):
        FitOptions.model_validate({"ensemble": undecided, "estimate": False})


@pytest.mark.parametrize(
    ("flips", "by_default", "resolved"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
def test_a_choice_of_flips_replaces_the_default(
    flips: bool | None,  # noqa: FBT001 - parameters of the test
    by_default: bool,  # noqa: FBT001
    resolved: bool,  # noqa: FBT001
) -> None:
    """Without a choice the generator decides."""
    choice = EnsembleChoice(flips=flips)
    assert resolve_ensemble(choice, flips_by_default=by_default).flips is resolved


def test_an_old_request_keeps_the_papers_ensemble() -> None:
    """A request that was stored without a choice keeps its meaning."""
    old = EnsembleOptions.model_validate({"num_members": 3})
    assert (old.kind, old.min_tap_px, old.flips) == ("paper", 0, False)
