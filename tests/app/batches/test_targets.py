"""Targets in the requests of batches and streams."""

from typing import Any

import httpx2
import pytest

from app.batches.schemas import BatchCreate
from contracts.fits.fit import FitManifest, FitRequest
from contracts.fits.metrics import Estimate, HeldOut
from contracts.generators.generator import StoredGenerator
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from contracts.labelsets import LabelsetManifest
from contracts.schemas import DepthSchema, LabelSchema
from state import keys, records
from state.store import Store

HAT: dict[str, Any] = {"kind": "presence", "class_name": "hair", "images": 0.4, "min_pixels": 0.02}
MORE: dict[str, Any] = {"kind": "more", "class_name": "skin", "strength": 1.5}
BOTH: dict[str, Any] = {"kind": "distribution", "images": {"skin": 0.3, "hair": 0.2}}


def send(
    client: httpx2.Client, fit: str, *targets: object, noun: str = "batches"
) -> httpx2.Response:
    """Create a batch or a stream with these targets."""
    own = {"n": 4} if noun == "batches" else {}
    return client.post(f"/v1/{noun}", json={"fit": fit, "targets": targets, **own})


def flaw_of(answer: httpx2.Response) -> tuple[str, str]:
    """Return the pointer and the text of the first flaw."""
    assert answer.status_code == 422, answer.text
    flaw = answer.json()["errors"][0]
    return flaw["pointer"], flaw["detail"]


def change_fit(store: Store, fit_id: str, **fields: object) -> FitRequest:
    """Change the stored request of a fit."""
    key = keys.job_request(JobRef(tenant=DEFAULT_TENANT, id=fit_id))
    request = records.read(store, key, FitRequest)
    assert request is not None
    records.write(store, key, request.model_copy(update=fields))
    return request


def change_metrics(store: Store, fit_id: str, **fields: object) -> None:
    """Change the stored metrics of a fit."""
    key = keys.job_manifest(JobRef(tenant=DEFAULT_TENANT, id=fit_id))
    manifest = records.read(store, key, FitManifest)
    assert manifest is not None
    assert manifest.metrics is not None
    metrics = manifest.metrics.model_copy(update=fields)
    records.write(store, key, manifest.model_copy(update={"metrics": metrics}))


@pytest.mark.parametrize("noun", ["batches", "streams"])
@pytest.mark.parametrize("targets", [(HAT, MORE), ()], ids=["two", "none"])
def test_targets_are_pinned_and_shown(
    client: httpx2.Client, finished_fit_id: str, noun: str, targets: tuple[object, ...]
) -> None:
    """As they were requested; without any the list is empty."""
    answer = send(client, finished_fit_id, *targets, noun=noun)
    assert answer.status_code in (201, 202), answer.text
    shown = client.get(f"/v1/{noun}/{answer.json()['id']}").json()
    assert shown["targets"] == list(targets)


@pytest.mark.parametrize("noun", ["batches", "streams"])
def test_a_class_that_the_fit_labels_badly_is_named(
    client: httpx2.Client, store: Store, finished_fit_id: str, noun: str
) -> None:
    """By held-out images, else by the estimate; also a class that had too few images. Without either, no warning."""
    assert send(client, finished_fit_id, HAT, noun=noun).json()["warnings"] == []
    iou: dict[str, float | None] = {"skin": 0.51, "hair": 0.31}
    estimate = Estimate(num_folds=2, num_members=1, num_steps=1, class_iou=iou)
    change_metrics(store, finished_fit_id, estimate=estimate)
    weak = send(client, finished_fit_id, HAT, MORE, noun=noun).json()
    [warning] = client.get(f"/v1/{noun}/{weak['id']}").json()["warnings"]
    assert "'hair'" in warning
    assert "estimated IoU is 0.31, below 0.5" in warning
    assert "more labelled images that contain 'hair'" in warning
    change_metrics(store, finished_fit_id, estimate=estimate.model_copy(update={"class_iou": {}}))
    assert "too few" in send(client, finished_fit_id, HAT, noun=noun).json()["warnings"][0]
    heldout = HeldOut(num_images=4, reconstruction_psnr_db=30.0, images=(), class_iou={"hair": 0.5})
    change_metrics(store, finished_fit_id, heldout=heldout)
    assert send(client, finished_fit_id, HAT, noun=noun).json()["warnings"] == []


def test_the_least_share_of_pixels_is_that_of_the_labelled_images(
    client: httpx2.Client, store: Store, finished_fit_id: str
) -> None:
    """Half of the median share in the images with the class; 0.5% of the pixels if the labelset was deleted."""
    fit = change_fit(store, finished_fit_id)
    key = keys.manifest(DEFAULT_TENANT, "labelsets", fit.labelset.id)
    labelset = records.read(store, key, LabelsetManifest)
    assert labelset is not None
    size = labelset.entries[0].height_px * labelset.entries[0].width_px
    shares = (0, 0.1, 0.2, 0.6)
    entries = tuple(
        labelset.entries[0].model_copy(
            update={"class_pixels": (size - round(share * size), round(share * size), 0)}
        )
        for share in shares
    )
    records.write(store, key, labelset.model_copy(update={"entries": entries}))
    [shown] = send(client, finished_fit_id, BOTH).json()["targets"]
    assert shown["min_pixels"] == {"skin": pytest.approx(0.1, rel=0.05), "hair": 0.005}
    store.delete(key)
    [shown] = send(client, finished_fit_id, BOTH | {"min_pixels": {"skin": 0.3}}).json()["targets"]
    assert shown["min_pixels"] == {"skin": 0.3, "hair": 0.005}


@pytest.mark.parametrize(
    ("targets", "pointer", "message"),
    [
        (
            [HAT | {"class_name": "hut"}],
            "/targets/0",
            "classes of the fit (background, skin, hair), got 'hut'",
        ),
        ([MORE, BOTH | {"images": {"cap": 1}}], "/targets/1", "got 'cap'"),
        (
            [HAT, HAT | {"images": 0.1}],
            "/targets/1",
            "got 'hair' also in target 0: they contradict each other",
        ),
        ([BOTH, HAT], "/targets/1", "got 'hair' also in target 0"),
        ([MORE, MORE | {"kind": "less"}], "/targets/1", "at most one direction for each class"),
        (
            [BOTH | {"images": {"skin": 0.7, "hair": 0.7}}],
            "/targets/0/images",
            "at most 1, got 1.4",
        ),
        (
            [HAT | {"min_pixels": 0.6}, HAT | {"class_name": "skin", "min_pixels": 0.6}],
            "/targets",
            "got 1.2 of its pixels",
        ),
        ([HAT | {"images": 1.2}], "/targets/0/images", "at most 1"),
        ([HAT | {"images": -0.1}], "/targets/0/images", "Expected a number of at least 0"),
        ([HAT | {"min_pixels": 0}], "/targets/0/min_pixels", "Expected a number above 0"),
        ([MORE | {"strength": 9}], "/targets/0/strength", "Expected a number of at most 5"),
        ([{"kind": "presence"}], "/targets/0/class_name", "Expected a value, got none."),
        ([{"kind": "some"}], "/targets/0", "as 'kind'"),
        ([HAT] * 17, "/targets", "Expected a length of at most 16"),
    ],
)
def test_wrong_targets_are_refused(
    client: httpx2.Client, finished_fit_id: str, targets: list[object], pointer: str, message: str
) -> None:
    """The flaw names the target, the expected and the actual value."""
    found, detail = flaw_of(send(client, finished_fit_id, *targets))
    assert (found, message in detail) == (pointer, True), (found, detail)


def test_a_fit_without_masks_has_no_targets(
    client: httpx2.Client, store: Store, finished_fit_id: str
) -> None:
    """There are no classes whose pixels could be counted."""
    change_fit(store, finished_fit_id, labels=LabelSchema(depth=DepthSchema(scale=0.5)))
    pointer, detail = flaw_of(send(client, finished_fit_id, HAT))
    assert (pointer, "no masks, only depth" in detail) == ("/targets", True), detail


def test_a_generator_without_movable_codes_has_no_directions(
    client: httpx2.Client, store: Store, finished_fit_id: str, generator: StoredGenerator
) -> None:
    """A diffusion model makes the image while it samples; a presence is drawn by plain rejection."""
    key = keys.manifest(DEFAULT_TENANT, "generators", generator.id)
    store.put(key, store.get(key).replace(b"stylegan2", b"diffusion"))
    pointer, detail = flaw_of(send(client, finished_fit_id, HAT, MORE))
    assert (pointer, "family diffusion" in detail) == ("/targets/1", True), detail
    assert send(client, finished_fit_id, HAT).status_code == 202


def test_targets_need_a_pilot_first(
    client: httpx2.Client, finished_fit_id: str, queued: Any
) -> None:
    """Without a plan only the pilot is queued, as for a filter."""
    batch = send(client, finished_fit_id, HAT).json()["id"]
    assert [name for name in queued("generate") if batch in name] == [f"{batch}-pilot-1"]


def test_without_targets_a_fingerprint_is_that_of_earlier_versions() -> None:
    """So a key that was used before an update still returns its batch; with targets it is another one."""
    fit = {"fit": "fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f", "n": 4}
    assert "targets" not in BatchCreate.model_validate(fit).for_fingerprint()
    assert BatchCreate.model_validate(fit | {"targets": [HAT]}).for_fingerprint()["targets"]
