"""What a dataset card says, and what it does when its facts are gone. `tests/e2e/test_readers.py` reads a whole one."""

import pytest

from contracts.base import now
from contracts.batches import BatchManifest, BatchRequest, Filter
from contracts.fits.fit import FitManifest
from contracts.fits.metrics import FitMetrics, HeldOut
from contracts.jobs import JobStatus
from contracts.schemas import LabelSchema
from tests.contracts.conftest import batch_request  # noqa: F401 - a fixture
from workers.codecs.registry import TASKS
from workers.rendering.cards import Origin, card

UNKNOWN = Origin(None, None, None)


@pytest.fixture
def request_with_bar(batch_request: BatchRequest) -> BatchRequest:  # noqa: F811 - a fixture
    """A class whose name would break a table; a tenth is left out."""
    labels = LabelSchema(classes=("background", "skin | hair"))
    return batch_request.model_copy(
        update={"labels": labels, "filter": Filter(drop_share=0.1), "n": 1_000}
    )


@pytest.fixture
def manifest(request_with_bar: BatchRequest) -> BatchManifest:
    """A batch of which half the candidates were kept."""
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


def test_a_card_shows_what_a_filter_costs(
    request_with_bar: BatchRequest, manifest: BatchManifest
) -> None:
    """Each class among the images kept and among all candidates; a name's bar does not end its cell."""
    text = card(TASKS[:1], request_with_bar, manifest, UNKNOWN)
    assert r"| 1 | skin \| hair | 10.0% | 20.0% | 100 |" in text
    assert "| left out as uncertain | 10% |" in text


def test_a_card_needs_no_fit(request_with_bar: BatchRequest, manifest: BatchManifest) -> None:
    """It may be gone when its batch is done: the card says so, and claims no license and no quality."""
    text = card(TASKS[:1], request_with_bar, manifest, UNKNOWN)
    assert 'license: "other"\npretty_name' in text
    assert "the fit has been deleted" in text
    assert "Not measured." in text
    assert 'size_categories: ["1K<n<10K"]' in text


def test_a_card_tells_the_quality_on_held_out_images(
    request_with_bar: BatchRequest, manifest: BatchManifest
) -> None:
    """By class; a class that could not be judged has none."""
    heldout = HeldOut(
        num_images=4,
        reconstruction_psnr_db=30.0,
        images=(),
        miou=0.875,
        class_iou={"background": 0.875, "skin | hair": None},
    )
    metrics = FitMetrics(reconstruction_psnr_db=30.0, images=(), heldout=heldout, stage_seconds={})
    made = FitManifest(
        status=JobStatus.SUCCEEDED, started_at=now(), finished_at=now(), metrics=metrics
    )
    text = card(TASKS[:1], request_with_bar, manifest, Origin(None, made, None))
    assert "Measured on 4 labelled images" in text
    assert "| mIoU | 0.875 |" in text
    assert r"| IoU of skin \| hair | none |" in text
