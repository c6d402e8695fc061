"""The pages of jobs show everything that their records have."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.evaluations.evaluation import EvaluationManifest
from contracts.evaluations.report import EvaluationReport
from contracts.fits.fit import FitManifest
from contracts.fits.metrics import FitMetrics
from contracts.generators.training import TrainingReport
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobManifest, JobRef, JobStatus
from contracts.labelings import LabelingManifest
from contracts.schemas import LabelSchema
from state import keys, records
from state.ledger import Ledger
from state.store import Store
from tests.app.ui.conftest import Send, words
from tests.app.ui.rendered import shard_of
from tests.app.ui.test_gallery import pixel
from tests.app.uploading import CLASSES, pairs, png, zipped

Finish = Callable[[str, type[JobManifest], dict[str, object]], JobRef]
SCORE = {"value": 0.7, "low": 0.6, "high": 0.8}
DIFFERENCE = {"value": 0.1, "low": 0.05, "high": 0.15, "outcome": "better"}


@pytest.fixture
def finish(store: Store, ledger: Ledger) -> Finish:
    """Return a function that ends a job with further fields of its manifest."""

    def end(job_id: str, kind: type[JobManifest], fields: dict[str, object]) -> JobRef:
        ref = JobRef(tenant=DEFAULT_TENANT, id=job_id)
        ended = {"status": JobStatus.SUCCEEDED, "started_at": now(), "finished_at": now()}
        records.finish(store, ledger, ref, kind.model_validate({**ended, **fields}))
        return ref

    return end


def test_a_fit_shows_its_quality(client: httpx2.Client, fit_id: str, finish: Finish) -> None:
    """Scores with intervals and numbers of images, shares, comparison, warnings, advice, worst and flagged images."""
    scores = {"skin": 0.81, "hair": None}
    bounds = {"low": 0.7, "high": 0.9}
    image = {"name": "image-1", "psnr_db": 21.5, "is_expressible": False}
    share = {
        "labelled": 0.25,
        "generated": 0.05,
        "labelled_images": 1.0,
        "generated_images": 0.2,
        "is_low": True,
    }
    metrics = {
        "reconstruction_psnr_db": 30.0,
        "images": [{"name": "image-0", "psnr_db": 30.0}, image],
        "estimate": {
            "miou": 0.61,
            "miou_interval": {"low": 0.5, "high": 0.72},
            "class_iou": scores,
            "class_intervals": {"skin": bounds, "hair": None},
            "class_images": {"skin": 2, "hair": 1},
            "num_folds": 5,
            "num_members": 3,
            "num_steps": 9,
            "worst_images": [{"name": "image-0", "miou": 0.33}],
        },
        "heldout": {
            "miou": 0.59,
            "class_iou": {"skin": 0.77},
            "num_images": 7,
            "reconstruction_psnr_db": 20.0,
            "images": [],
        },
        "comparison": {
            "num_images": 7,
            "fit": 0.5,
            "real": 0.6,
            "low": -0.2,
            "high": -0.1,
            "predicts_harm": True,
        },
        "generated": {
            "num_samples": 256,
            "truncation": 0.7,
            "tasks": {"segmentation": {"skin": share}},
        },
        "warnings": ["hats are missing"],
        "advice": ["label more hats"],
        "stage_seconds": {"inversion": 75.0},
    }
    finish(fit_id, FitManifest, {"metrics": FitMetrics.model_validate(metrics)})
    page = client.get(f"/ui/fits/{fit_id}")
    text = words(page)
    facts = (
        *("0.61 0.50 to 0.72 (95%) on 2 images, in 5 folds", "0.59 on 7 images", "0.77"),
        *("0.81 0.70 to 0.90, 2 images", "too narrow with fewer than ten", "256 samples", "25%"),
        *("rare", "will probably teach less", "Hats are missing.", "Label more hats."),
        *("The 1 of 2 labelled images that the estimate labels worst", "image-0 mIoU 0.33 30.0 dB"),
        *("hardly expresses 1 of 2 labelled images", "image-1 flagged 21.5 dB"),
        "Inversion 1 min 15 s",
    )
    for fact in facts:
        assert fact in text, fact
    assert "Learning curve" not in text
    assert "estimated mIoU 0.61" in words(client.get("/ui/fits"))


def test_a_fit_shows_its_learning_curve(client: httpx2.Client, fit_id: str, finish: Finish) -> None:
    """A picture with a title, a description and a table, for people who do not see it."""
    curve = [{"step": 30, "loss": 1.25}, {"step": 60, "loss": 0.5}, {"step": 90, "loss": 0.75}]
    metrics = {
        "reconstruction_psnr_db": 30.0,
        "images": [{"name": "image-0", "psnr_db": 30.0}],
        "training_curve": curve,
        "stage_seconds": {},
    }
    finish(fit_id, FitManifest, {"metrics": FitMetrics.model_validate(metrics)})
    page = client.get(f"/ui/fits/{fit_id}")
    text = words(page)
    assert 'role="img" aria-labelledby="curve-title curve-text"' in page.text
    for fact in (
        "The loss goes from 1.250 after 30 steps to 0.750 after 90 steps.",
        "the lowest is 0.500 at step 60",
        "in nats for each pixel",
        "Up to step Mean loss 30 1.2500 60 0.5000 90 0.7500",
        "neither an estimate nor a held-out labelset",
    ):
        assert fact in text, fact


def test_a_fit_without_intervals_says_so(
    client: httpx2.Client, fit_id: str, finish: Finish
) -> None:
    """Fits of earlier versions have scores alone."""
    metrics = {
        "reconstruction_psnr_db": 30.0,
        "images": [{"name": "image-0", "psnr_db": 30.0}],
        "estimate": {"class_iou": {"skin": 0.5}, "num_folds": 5, "num_members": 3, "num_steps": 9},
        "stage_seconds": {},
    }
    finish(fit_id, FitManifest, {"metrics": FitMetrics.model_validate(metrics)})
    assert "These scores have no intervals" in words(client.get(f"/ui/fits/{fit_id}"))


def test_an_evaluation_shows_its_scores(
    client: httpx2.Client, evaluation: JobRef, finish: Finish
) -> None:
    """Verdict, scores with intervals, differences and curves of each task."""
    arm = {
        "ref": {"arm": "mixed", "synthetic_pairs": 300},
        "score": SCORE,
        "by_seed": [0.7],
        "difference": DIFFERENCE,
    }
    curve = {"arm": "mixed", "points": [], "text": "More than 300 pairs bring nothing."}
    task = {"task": "segmentation", "measure": "mIoU", "higher_is_better": True}
    report = EvaluationReport.model_validate(
        {
            "num_images": 50,
            "num_seeds": 3,
            "num_draws": 2_000,
            "confidence": 0.95,
            "tasks": [{**task, "arms": [arm], "curves": [curve]}],
            "verdict": ["Generated pairs help."],
            "warnings": ["only a few images"],
        }
    )
    finish(evaluation.id, EvaluationManifest, {"report": report})
    text = words(client.get(f"/ui/evaluations/{evaluation.id}"))
    for fact in (
        "Generated pairs help.",
        "Only a few images.",
        "0.700 0.600 to 0.800",
        "better 0.050 to 0.150",
        "On 50 held-out images",
        "300 pairs",
        "95%",
    ):
        assert fact in text, fact


def test_a_labeling_shows_uncertain_images_first(
    client: httpx2.Client, finished_fit_id: str, store: Store, send: Send, finish: Finish
) -> None:
    """Its gallery has the order of the manifest, and finds each image in its shard."""
    form = {"fit": finished_fit_id, "name": "street"}
    files = {"images": ("a.png", png("RGB", (32, 32)))}
    created = send("/ui/labelings/new", form, "/ui/labelings", files=files)
    labeling_id = created.headers["Location"].rpartition("/")[2]
    shards = []
    for number, indices in enumerate((range(2), range(4, 6))):
        data = shard_of(indices)
        store.put(f"shard {number}", data)
        tar = Artefact(key=f"shard {number}", sha256=sha256_of(data), num_bytes=len(data))
        shards.append({"index": number, "tar": tar, "num_samples": 2})
    images = [
        {
            "index": index,
            "name": f"photo-{index}.jpg",
            "width_px": 8,
            "height_px": 8,
            "box": {"left": 0, "top": 0, "right": 8, "bottom": 8},
            "score": value,
            "scores": {},
            "expressibility": value,
            "is_expressible": index != 5,
            "psnr_db": 25.0,
        }
        for index, value in ((5, 0.9), (0, 0.8), (4, 0.7), (1, 0.6))
    ]
    ended = {
        "labels": LabelSchema.model_validate({"classes": CLASSES}),
        "num_samples": 4,
        "class_pixels": (1, 1, 1),
        "class_images": (4, 4, 2),
        "mean_score": 0.75,
        "images": images,
        "unreadable": [{"index": 2, "name": "broken.png", "reason": "no image"}],
        "shards": shards,
    }
    finish(labeling_id, LabelingManifest, ended)
    base = f"/ui/labelings/{labeling_id}"
    text = words(client.get(base))
    for fact in ("street", "4 of 5 images", "photo-5.jpg check", "broken.png : no image"):
        assert fact in text, fact
    for place, index in enumerate((5, 0, 4, 1)):
        layer = client.get(f"{base}/samples/{place}/image")
        assert pixel(layer, (0, 0)) == (200, index, 0, 255)
    assert "photo-0.jpg" in words(client.get(f"{base}/samples/1"))
    assert "most uncertain first" in words(client.get(f"{base}/samples"))


def test_a_training_shows_its_samples(client: httpx2.Client, store: Store, send: Send) -> None:
    """Speed, time left, warnings, and the samples of each snapshot with the best one marked."""
    form = {"name": "faces", "training/px": "32"}
    files = {"file": ("images.zip", zipped(pairs(1)))}
    created = send("/ui/generators/train", form, "/ui/generators", files=files)
    ref = JobRef(tenant=DEFAULT_TENANT, id=created.headers["Location"].rpartition("/")[2])
    picture = png("RGB", (8, 8), (9, 9, 9))
    store.put("sheet", picture)
    sheet = Artefact(key="sheet", sha256=sha256_of(picture), num_bytes=len(picture))
    snapshots = [
        {"images_seen": seen, "seconds": 1.0, "fd": fd, "losses": {}, "sheet": sheet}
        for seen, fd in ((1_000, 0.4), (2_000, 0.5))
    ]
    report = {
        "device": "cpu",
        "height_px": 32,
        "width_px": 32,
        "num_images": 5_000,
        "facts": ["5,000 images"],
        "warnings": ["few images"],
        "images_per_second": 10.0,
        "seconds_left": 70.0,
        "snapshots": snapshots,
    }
    records.write(store, keys.training_report(ref), TrainingReport.model_validate(report))
    text = words(client.get(f"/ui/generators/{ref.id}"))
    for fact in ("few images", "10.0 images/s", "1 min 10 s", "1,000 images, FD-R 0.40 best"):
        assert fact in text, fact
    layer = client.get(f"/ui/generators/{ref.id}/snapshots/0")
    assert pixel(layer, (0, 0)) == (9, 9, 9, 255)
    assert client.get(f"/ui/generators/{ref.id}/snapshots/2").status_code == 404
    send(f"/ui/generators/{ref.id}", {}, f"/ui/generators/{ref.id}/stop")
    assert store.head(keys.training_stop(ref)) is not None
