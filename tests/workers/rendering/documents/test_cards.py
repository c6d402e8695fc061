"""The texts of a dataset card, also for a deleted fit. `tests/e2e/test_readers.py` reads a whole card."""

import pytest

from contracts.base import now
from contracts.batches import BatchManifest, BatchRequest
from contracts.fits.fit import FitManifest
from contracts.fits.metrics import FitMetrics, HeldOut
from contracts.jobs import JobStatus
from contracts.recipes.recipe import Filter
from contracts.recipes.targets import DirectionTarget, PresenceTarget, TargetResult
from contracts.schemas import LabelSchema
from tests.contracts.conftest import batch_request  # noqa: F401 - a fixture
from workers.codecs.registry import TASKS
from workers.rendering.documents.cards import card
from workers.rendering.documents.origins import Origin

UNKNOWN = Origin(None, None, None)


@pytest.fixture
def request_with_bar(batch_request: BatchRequest) -> BatchRequest:  # noqa: F811 - a fixture
    """Return a request with a class name that would break a table; the filter drops a tenth."""
    labels = LabelSchema(classes=("background", "skin | hair"))
    return batch_request.model_copy(
        update={"labels": labels, "filter": Filter(drop_share=0.1), "n": 1_000}
    )


@pytest.fixture
def manifest(request_with_bar: BatchRequest) -> BatchManifest:
    """Return the manifest of a batch that kept half of its candidates."""
    return BatchManifest(
        status=JobStatus.SUCCEEDED,
        started_at=now(),
        finished_at=now(),
        labels=request_with_bar.labels,
        num_samples=70,
        num_candidates=140,
        class_pixels=(900, 100),
        class_images=(70, 7),
        candidate_class_images=(140, 28),
        mean_score=0.25,
    )


def test_a_card_shows_the_cost_of_a_filter(
    request_with_bar: BatchRequest, manifest: BatchManifest
) -> None:
    """It counts each class in kept images and in all candidates. A bar in a name does not end its cell."""
    text = card(TASKS[:1], request_with_bar, manifest, UNKNOWN)
    assert r"| 1 | skin \| hair | 10.0% | 20.0% | 100 |" in text
    assert "| dropped as uncertain | 10% |" in text


def test_a_card_states_the_targets(request_with_bar: BatchRequest, manifest: BatchManifest) -> None:
    """Requested and achieved shares, and the cost; a reader must know that frequencies are not the generator's."""
    presence = PresenceTarget(kind="presence", class_name="background", images=0.4, min_pixels=0.02)
    direction = DirectionTarget(kind="less", class_name="background", strength=1.5)
    own = {"targets": (presence, direction), "warnings": ("The fit labels it badly.",)}
    request = request_with_bar.model_copy(update=own)
    result = TargetResult(class_name="background", min_pixels=0.02, images=0.4, num_images=28)
    achieved = manifest.model_copy(update={"targets": (result,), "num_codes": 700})
    text = card(TASKS[:1], request, achieved, UNKNOWN)
    assert "**Warning.** The fit labels it badly." in text
    assert "| background | 2.00% | 40.0% | 40.0% |" in text
    assert "10.0 codes, of which 2.00 were rendered" in text
    assert "toward less of background, by 1.5 standard deviations" in text
    assert "## Targets" not in card(TASKS[:1], request_with_bar, manifest, UNKNOWN)


def test_a_card_lists_the_conditions(
    request_with_bar: BatchRequest, manifest: BatchManifest
) -> None:
    """The most frequent 50 with their shares; a batch without conditions has no such section."""
    shares = {str(number): 0.01 for number in range(59)} | {"59": 0.41}
    own = {"condition": shares, "condition_samples": dict.fromkeys(shares, 1) | {"59": 29}}
    text = card(TASKS[:1], request_with_bar, manifest.model_copy(update=own), UNKNOWN)
    assert "| 59 | 41.0% | 29 |\n| 0 | 1.0% | 1 |" in text
    assert "The 50 most frequent of 60 classes." in text
    assert "## Conditions" not in card(TASKS[:1], request_with_bar, manifest, UNKNOWN)


def test_a_card_explains_soft_labels_and_ignored_pixels(
    request_with_bar: BatchRequest, manifest: BatchManifest
) -> None:
    """The share of ignored pixels is that of all pixels, ignored ones included."""
    asked = request_with_bar.model_copy(update={"soft_labels": 2, "ignore_above": 0.25})
    text = card(TASKS[:1], asked, manifest.model_copy(update={"ignored_pixels": 250}), UNKNOWN)
    assert "Ignored: 20.00% of the pixels, those with an uncertainty above 0.25 nats." in text
    assert "| pixels ignored above | 0.25 nats of uncertainty |" in text
    assert "`soft_labels.png` has the 2 most probable classes" in text


def test_a_card_needs_no_fit(request_with_bar: BatchRequest, manifest: BatchManifest) -> None:
    """If the fit was deleted before its batch ended, the card says so, and states no license and no quality."""
    text = card(TASKS[:1], request_with_bar, manifest, UNKNOWN)
    assert 'license: "other"\npretty_name' in text
    assert "the fit has been deleted" in text
    assert "Not measured." in text
    assert 'size_categories: ["1K<n<10K"]' in text


def test_a_card_shows_the_quality_on_held_out_images(
    request_with_bar: BatchRequest, manifest: BatchManifest
) -> None:
    """Each class has its IoU, or none if it could not be measured."""
    heldout = HeldOut(
        num_images=4,
        reconstruction_psnr_db=30.0,
        images=(),
        miou=0.875,
        class_iou={"background": 0.875, "skin | hair": None},
    )
    metrics = FitMetrics(reconstruction_psnr_db=30.0, images=(), heldout=heldout, stage_seconds={})
    outcome = FitManifest(
        status=JobStatus.SUCCEEDED, started_at=now(), finished_at=now(), metrics=metrics
    )
    text = card(TASKS[:1], request_with_bar, manifest, Origin(None, outcome, None))
    assert "Measured on 4 labelled images" in text
    assert "| mIoU | 0.875 |" in text
    assert r"| IoU of skin \| hair | none |" in text
