"""Soft labels and ignored pixels in the requests of batches, streams and labelings."""

from typing import Any

import httpx2
import pytest

from app.batches.schemas import BatchCreate
from app.labelings.schemas import LabelingForm
from contracts.fits.fit import FitRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from contracts.schemas import DepthSchema, KeypointSchema, LabelSchema
from state import keys, records
from state.store import Store
from tests.app.uploading import png, zipped

NOUNS = ("batches", "streams", "labelings")
OPTIONS = {"soft_labels": 2, "ignore_above": 0.25}


def send(client: httpx2.Client, noun: str, fit: str, **options: Any) -> httpx2.Response:
    """Create a batch, a stream or a labeling. A labeling is a form, so its options are sent as text."""
    if noun == "labelings":
        texts = {name: str(value) for name, value in options.items()}
        files = {"archive": ("photos.zip", zipped({"a.png": png("RGB", (8, 8))}))}
        return client.post("/v1/labelings", data={"fit": fit, **texts}, files=files)
    own = {"n": 4} if noun == "batches" else {}
    return client.post(f"/v1/{noun}", json={"fit": fit, **own, **options})


def flaw_of(answer: httpx2.Response) -> tuple[str, str]:
    """Return the pointer and the text of the first flaw."""
    assert answer.status_code == 422, answer.text
    flaw = answer.json()["errors"][0]
    return flaw["pointer"], flaw["detail"]


def without_masks(store: Store, fit_id: str, labels: LabelSchema) -> None:
    """Change the labels of a stored fit."""
    key = keys.job_request(JobRef(tenant=DEFAULT_TENANT, id=fit_id))
    request = records.read(store, key, FitRequest)
    assert request is not None
    records.write(store, key, request.model_copy(update={"labels": labels}))


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("options", [OPTIONS, {}], ids=["both", "none"])
def test_options_are_pinned_and_shown(
    client: httpx2.Client, finished_fit_id: str, noun: str, options: dict[str, Any]
) -> None:
    """Without them they are null."""
    answer = send(client, noun, finished_fit_id, **options)
    assert answer.status_code in (201, 202), answer.text
    shown = client.get(f"/v1/{noun}/{answer.json()['id']}").json()
    expected = {"soft_labels": None, "ignore_above": None} | options
    assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("soft_labels", 4, "Expected at most 3, the number of classes of the fit, got 4."),
        ("soft_labels", 9, "at most 8"),
        ("soft_labels", 0, "at least 1"),
        ("soft_labels", 1.5, "whole number"),
        ("ignore_above", 1, "below 1"),
        ("ignore_above", -0.1, "at least 0"),
        ("ignore_above", 2.3, "below 1"),
        ("ignore_above", "much", "number"),
    ],
)
def test_values_out_of_range_are_refused(
    client: httpx2.Client,
    finished_fit_id: str,
    *,
    noun: str,
    option: str,
    value: object,
    message: str,
) -> None:
    """The flaw names the field, the limit and the value."""
    pointer, detail = flaw_of(send(client, noun, finished_fit_id, **{option: value}))
    assert (pointer, message in detail) == (f"/{option}", True), detail


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    ("labels", "has"),
    [
        (LabelSchema(keypoints=KeypointSchema(names=("nose",))), "only keypoints"),
        (LabelSchema(depth=DepthSchema(scale=0.5)), "only depth"),
    ],
    ids=["keypoints", "depth"],
)
def test_a_fit_without_masks_has_no_such_options(
    client: httpx2.Client,
    store: Store,
    finished_fit_id: str,
    *,
    noun: str,
    option: str,
    labels: LabelSchema,
    has: str,
) -> None:
    """They would have no effect, so they are refused."""
    without_masks(store, finished_fit_id, labels)
    answer = send(client, noun, finished_fit_id, **{option: OPTIONS[option]})
    pointer, detail = flaw_of(answer)
    assert (pointer, has in detail) == (f"/{option}", True), detail


def test_all_classes_may_be_kept(client: httpx2.Client, finished_fit_id: str) -> None:
    """As many as the fit has; and the limit of 0 ignores pixels of the least doubt."""
    answer = send(client, "batches", finished_fit_id, soft_labels=3, ignore_above=0)
    assert (answer.json()["soft_labels"], answer.json()["ignore_above"]) == (3, 0)


def test_a_key_belongs_to_its_options(client: httpx2.Client, finished_fit_id: str) -> None:
    """The same key with other options is an error."""
    body, headers = {"fit": finished_fit_id, "n": 4}, {"Idempotency-Key": "one"}
    first = client.post("/v1/batches", json=body | OPTIONS, headers=headers)
    same = client.post("/v1/batches", json=body | OPTIONS, headers=headers)
    assert same.json()["id"] == first.json()["id"]
    for option, value in OPTIONS.items():
        other = client.post("/v1/batches", json=body | {option: value}, headers=headers)
        assert other.json()["code"] == "idempotency_mismatch"


def test_without_options_a_fingerprint_is_that_of_earlier_versions() -> None:
    """So a key that was used before an update still returns its batch, or its labeling, after it."""
    fit = "fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"
    batch = BatchCreate.model_validate({"fit": fit, "n": 4}).for_fingerprint()
    labeling = LabelingForm.model_validate({"fit": fit}).for_fingerprint()
    common = {"fit", "image_format", "shard_size"}
    assert batch.keys() == common | {"n", "seed", "truncation", "filter"}
    assert labeling.keys() == common | {"name", "aspect", "condition"}
    with_option = LabelingForm.model_validate({"fit": fit, "soft_labels": "2"}).for_fingerprint()
    assert with_option["soft_labels"] == 2
