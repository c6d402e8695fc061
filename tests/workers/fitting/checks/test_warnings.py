"""The warnings of a fit."""

from contracts.fits.metrics import GeneratedShares, RealComparison, TraitShare
from tests.workers.scene import ALL_TASKS
from workers.codecs.registry import TASKS
from workers.codecs.task import codecs_of
from workers.fitting.checks.warnings import MAX_LINES, warn

CODECS = codecs_of(TASKS, ALL_TASKS)


def share(labelled: float, generated: float, *, is_low: bool) -> TraitShare:
    """Return the shares of a trait that a quarter of the labelled images and no sample has."""
    return TraitShare(
        labelled=labelled,
        generated=generated,
        labelled_images=0.25,
        generated_images=0.0,
        is_low=is_low,
    )


def generated(tasks: dict[str, dict[str, TraitShare]]) -> GeneratedShares:
    """Return shares of 64 samples."""
    return GeneratedShares(num_samples=64, truncation=0.7, tasks=tasks)


def compared(fit: float, real: float, *, predicts_harm: bool) -> RealComparison:
    """Return the comparison on ten images."""
    return RealComparison(
        num_images=10, fit=fit, real=real, low=-0.3, high=-0.1, predicts_harm=predicts_harm
    )


def test_a_class_with_a_low_share_is_named_with_both_shares() -> None:
    """The class that is lacking most comes first; classes with enough samples have no line."""
    classes = {
        "left": share(0.5, 0.1, is_low=True),
        "right": share(0.02, 0.0005, is_low=True),
        "middle": share(0.5, 0.4, is_low=False),
    }
    first, second = warn(CODECS, None, generated({"segmentation": classes}))
    assert first.startswith(
        "class right: 0.05% of the pixels of 64 generated samples, but 2.00% of the labelled images (in 0% and 25% of"
        " the images)."
    )
    assert second.startswith("class left: ")


def test_a_keypoint_that_samples_hide_is_named() -> None:
    """Its share is that of the images in which it is visible."""
    points = {"chin": share(0.8, 0.1, is_low=True)}
    (line,) = warn(CODECS, None, generated({"keypoints": points}))
    assert line.startswith("keypoint chin: visible in 10% of 64 generated samples, but in 80% of")


def test_expected_harm_is_the_first_warning() -> None:
    """Both scores are in the line."""
    lines = warn(
        CODECS,
        compared(0.41, 0.58, predicts_harm=True),
        generated({"segmentation": {"left": share(0.5, 0.1, is_low=True)}}),
    )
    assert lines[0].startswith("generated pairs alone will probably teach a network less")
    assert "score 0.41" in lines[0]
    assert "alone 0.58" in lines[0]
    assert len(lines) == 2


def test_a_fit_without_findings_has_no_warning() -> None:
    """Nor has a fit without an estimate."""
    assert warn(CODECS, compared(0.6, 0.58, predicts_harm=False), generated({})) == ()
    assert warn(CODECS, None, None) == ()


def test_the_number_of_warnings_is_limited() -> None:
    """40 lacking classes give `MAX_LINES` lines."""
    classes = {f"class-{number}": share(0.5, 0.1, is_low=True) for number in range(40)}
    assert len(warn(CODECS, None, generated({"segmentation": classes}))) == MAX_LINES
