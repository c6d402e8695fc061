"""The labeling of an evaluation: its pin, which labelings are refused, and the limits that count it."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.evaluations.schemas import EvaluationCreate
from contracts.digests import digest_of, sha256_of
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobStatus
from state import keys
from state.settings import Settings
from state.store import Store
from tests.app.evaluations.conftest import AddLabeling
from tests.app.evaluations.test_checks import flaws

Body = dict[str, Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that allow 4,000 pairs, or 3,500 of 32 x 32 px with masks."""
    limits = {"max_evaluation_pairs": 4_000, "max_evaluation_bytes": 3_500 * 32 * 32 * 4}
    return settings.model_copy(update=limits)


def test_a_labeling_adds_its_arm(
    client: httpx2.Client, body: Body, finished_fit_id: str, add_labeling: AddLabeling
) -> None:
    """It is pinned by the digest of its tars, and without a choice of arms the networks train on it."""
    labeling = add_labeling(finished_fit_id)
    shown = client.post("/v1/evaluations", json=body | {"labeling": labeling}).json()
    assert shown["options"]["arms"] == ["real", "synthetic", "mixed", "direct", "labelled"]
    assert shown["labeling"] == {"id": labeling, "digest": digest_of([sha256_of(b"tar")])}
    counts = {one["arm"]: one["total"] for one in shown["arms"]}
    assert counts["labelled"] == shown["options"]["num_seeds"]


def test_the_arm_is_counted_in_the_estimate(
    client: httpx2.Client, body: Body, finished_fit_id: str, add_labeling: AddLabeling
) -> None:
    """Four more trainings than 28, and the labels of the fit, take as much longer."""
    with_own = body | {"labeling": add_labeling(finished_fit_id)}
    before, after = (
        client.post("/v1/evaluations?validate_only=true", json=one).json()["estimate"]["seconds"]
        for one in (body, with_own)
    )
    assert after / before == pytest.approx(33 / 29, rel=0.01)


def test_no_labeling_is_null(client: httpx2.Client, body: Body) -> None:
    """The field is there for readers of every evaluation."""
    shown = client.post("/v1/evaluations", json=body).json()
    assert (shown["labeling"], "labelled" in shown["options"]["arms"]) == (None, False)


def test_an_arm_needs_its_labeling_and_a_labeling_its_arm(
    client: httpx2.Client, body: Body, finished_fit_id: str, add_labeling: AddLabeling
) -> None:
    """The sentence says where labels of own images come from."""
    (flaw,) = flaws(client, body, options={"arms": ["real", "labelled"]})
    assert (flaw["pointer"], "POST /v1/labelings" in flaw["detail"]) == ("/options/arms", True)
    own, arms = add_labeling(finished_fit_id), {"arms": ["real", "mixed"]}
    (flaw,) = flaws(client, body, options=arms, labeling=own)
    assert flaw["pointer"] == "/labeling"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (None, "is queued. Wait for its end"),
        (JobStatus.FAILED, "is failed. Label the images again"),
        (JobStatus.CANCELLED, "is cancelled. Label the images again"),
    ],
)
def test_a_labeling_has_succeeded(
    *,
    client: httpx2.Client,
    body: Body,
    finished_fit_id: str,
    add_labeling: AddLabeling,
    status: JobStatus | None,
    advice: str,
) -> None:
    """One that has not has no images to train on; the sentence says what to do."""
    (flaw,) = flaws(client, body, labeling=add_labeling(finished_fit_id, status=status))
    assert (flaw["pointer"], advice in flaw["detail"]) == ("/labeling", True)


def test_unknown_and_deleted_labelings_are_refused(
    client: httpx2.Client, body: Body, finished_fit_id: str, add_labeling: AddLabeling
) -> None:
    """The flaw names the labeling."""
    deleted = add_labeling(finished_fit_id)
    assert client.delete(f"/v1/labelings/{deleted}").status_code == 204
    for labeling in (deleted, new_id("labeling")):
        (flaw,) = flaws(client, body, labeling=labeling)
        assert (flaw["pointer"], labeling in flaw["detail"]) == ("/labeling", True)


def test_a_labeling_is_of_the_same_fit(
    *,
    client: httpx2.Client,
    body: Body,
    labelset_id: str,
    finish_fit: Callable[[str], None],
    add_labeling: AddLabeling,
) -> None:
    """Labels of another fit say nothing about this one, even if both have the same images."""
    fit = {"labelset": labelset_id, "generator": "tiny-32", "seed": 9}
    other = client.post("/v1/fits", json=fit).json()["id"]
    finish_fit(other)
    (flaw,) = flaws(client, body, labeling=add_labeling(other))
    assert flaw["pointer"] == "/labeling"
    assert f"has labels of {other}, but {body['fit']} is evaluated" in flaw["detail"]


@pytest.mark.parametrize(
    ("num_images", "counts", "message"),
    [
        (1_001, [3_000], "at most 4000 generated pairs and own images together, got 3000 and 1001"),
        (501, [3_000], "3500 are possible. Request fewer generated pairs, or label fewer images"),
    ],
)
def test_own_images_count_as_generated_pairs_do(
    *,
    client: httpx2.Client,
    body: Body,
    finished_fit_id: str,
    add_labeling: AddLabeling,
    num_images: int,
    counts: list[int],
    message: str,
) -> None:
    """Both are in memory at the same time, so their sum has the limit."""
    labeling = add_labeling(finished_fit_id, num_images)
    (flaw,) = flaws(client, body, labeling=labeling, options={"synthetic_counts": counts})
    assert (flaw["pointer"], message in flaw["detail"]) == ("/labeling", True)


def test_as_many_as_the_limit_are_accepted(
    client: httpx2.Client, body: Body, finished_fit_id: str, add_labeling: AddLabeling
) -> None:
    """Without generated pairs, all of the limit is for own images."""
    labeling = add_labeling(finished_fit_id, 3_500)
    options = {"arms": ["real", "labelled"]}
    answer = client.post("/v1/evaluations", json=body | {"labeling": labeling, "options": options})
    assert answer.status_code == 202, answer.text


def test_idempotency_keys_of_earlier_versions_still_match(body: Body) -> None:
    """A body without a labeling has the fingerprint that it had before the field existed."""
    plain = EvaluationCreate.model_validate(body)
    assert "labeling" not in plain.for_fingerprint()
    labeling = new_id("labeling")
    with_one = EvaluationCreate.model_validate(body | {"labeling": labeling})
    assert with_one.for_fingerprint()["labeling"] == labeling


def test_a_labeling_may_be_deleted_afterwards(
    client: httpx2.Client, body: Body, finished_fit_id: str, add_labeling: AddLabeling, store: Store
) -> None:
    """As with labelsets, an evaluation that pins it is still shown, and does not keep it."""
    labeling = add_labeling(finished_fit_id)
    created = client.post("/v1/evaluations", json=body | {"labeling": labeling}).json()
    assert client.delete(f"/v1/labelings/{labeling}").status_code == 204
    shown = client.get(f"/v1/evaluations/{created['id']}").json()
    assert shown["labeling"]["id"] == labeling
    assert store.head(keys.manifest(DEFAULT_TENANT, "labelings", labeling)) is None
