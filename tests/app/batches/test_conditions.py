"""Batches and streams of chosen classes of a class-conditional generator."""

from typing import Any

import httpx2
import pytest

from app.batches.schemas import BatchCreate

NOUNS = [("batches", {"n": 4}), ("streams", {})]


@pytest.mark.usefixtures("conditional")
@pytest.mark.parametrize(("noun", "own"), NOUNS)
@pytest.mark.parametrize(
    ("condition", "shares"),
    [
        (None, None),
        (2, {"2": 1.0}),
        ([2, 0], {"0": 0.5, "2": 0.5}),
        ({"2": 3, "0": 1}, {"0": 0.25, "2": 0.75}),
    ],
)
def test_a_condition_is_shown_as_shares(
    client: httpx2.Client,
    finished_fit_id: str,
    *,
    noun: str,
    own: dict[str, Any],
    condition: object,
    shares: object,
) -> None:
    """One class, several, or weights; without one it is null."""
    body = {"fit": finished_fit_id, "condition": condition, **own}
    answer = client.post(f"/v1/{noun}", json=body)
    assert answer.status_code in (201, 202), answer.text
    assert answer.json()["condition"] == shares
    assert client.get(f"/v1/{noun}/{answer.json()['id']}").json()["condition"] == shares


@pytest.mark.usefixtures("conditional")
@pytest.mark.parametrize(
    ("condition", "pointer", "message"),
    [
        (3, "/condition", "Expected classes from 0 to 2 of generator 'tiny-32', got 3."),
        ({"0": 1, "7": 1}, "/condition", "got 7."),
        (-1, "/condition", "Expected a number of at least 0, got -1."),
        (True, "/condition", "Expected a whole number, or a list, or an object, got true."),
        ("2", "/condition", 'Expected a whole number, or a list, or an object, got "2".'),
        (1.5, "/condition", "Expected a whole number"),
        ([], "/condition", "Expected a length of at least 1, got 0."),
        ({}, "/condition", "Expected a length of at least 1, got 0."),
        ([0, 0], "/condition", "Expected different conditions, got 0 twice"),
        ([0, 0.5], "/condition/1", "Expected a whole number, got 0.5."),
        ({"0": 0}, "/condition/0", "Expected a number above 0"),
        ({"0": -1}, "/condition/0", "Expected a number above 0"),
        ({"0": 1e300}, "/condition/0", "Expected a number of at most"),
        ({"0": None}, "/condition/0", "Expected a number, got null."),
        ({"00": 1}, "/condition/00", "the number of a class as a name, such as '3'"),
        ({"cat": 1}, "/condition/cat", "the number of a class as a name, such as '3'"),
    ],
)
def test_an_invalid_condition_is_refused(
    client: httpx2.Client, finished_fit_id: str, condition: object, pointer: str, message: str
) -> None:
    """The flaw names the expected and the sent value."""
    body = {"fit": finished_fit_id, "n": 4, "condition": condition}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 422, answer.text
    flaw = answer.json()["errors"][0]
    assert (flaw["pointer"], message in flaw["detail"]) == (pointer, True), flaw


@pytest.mark.parametrize(("noun", "own"), NOUNS)
def test_an_unconditional_generator_has_no_conditions(
    client: httpx2.Client, finished_fit_id: str, noun: str, own: dict[str, Any]
) -> None:
    """The condition would have no effect."""
    body = {"fit": finished_fit_id, "condition": 0, **own}
    answer = client.post(f"/v1/{noun}", json=body)
    (flaw,) = answer.json()["errors"]
    assert (answer.status_code, flaw["pointer"]) == (422, "/condition")
    assert "generator 'tiny-32' has no classes" in flaw["detail"]


@pytest.mark.usefixtures("conditional")
def test_a_key_belongs_to_one_condition(client: httpx2.Client, finished_fit_id: str) -> None:
    """The same key with another condition is an error; without a condition its fingerprint is as before."""
    body = {"fit": finished_fit_id, "n": 4, "condition": [0, 1]}
    headers = {"Idempotency-Key": "one"}
    first = client.post("/v1/batches", json=body, headers=headers)
    assert client.post("/v1/batches", json=body, headers=headers).json()["id"] == first.json()["id"]
    other = client.post("/v1/batches", json=body | {"condition": 1}, headers=headers)
    assert other.json()["code"] == "idempotency_mismatch"
    plain = BatchCreate.model_validate({"fit": finished_fit_id, "n": 4})
    assert "condition" not in plain.for_fingerprint()
