"""Fits of labelsets whose images have conditions."""

from collections.abc import Sequence

import httpx2
import pytest

from contracts.generators.generator import StoredGenerator
from contracts.ids import DEFAULT_TENANT
from contracts.labelsets import LabelsetManifest
from state import keys, records
from state.store import Store


def give_conditions(store: Store, labelset_id: str, conditions: Sequence[int]) -> None:
    """Change the stored labelset: its images have these conditions."""
    key = keys.manifest(DEFAULT_TENANT, "labelsets", labelset_id)
    manifest = records.read(store, key, LabelsetManifest)
    assert manifest is not None
    entries = tuple(
        entry.model_copy(update={"condition": condition})
        for entry, condition in zip(manifest.entries, conditions, strict=True)
    )
    records.write(store, key, manifest.model_copy(update={"entries": entries}))


@pytest.fixture
def body(labelset_id: str) -> dict[str, str]:
    """The request of a fit on two images."""
    return {"generator": "tiny-32", "labelset": labelset_id}


def test_conditions_need_a_conditional_generator(
    client: httpx2.Client, store: Store, labelset_id: str, body: dict[str, str]
) -> None:
    """Otherwise they would be ignored."""
    give_conditions(store, labelset_id, (0, 1))
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/labelset"
    assert "generator 'tiny-32' has no classes" in flaw["detail"]


@pytest.mark.usefixtures("conditional")
@pytest.mark.parametrize("pointer", ["labelset", "validation_labelset"])
def test_conditions_are_classes_of_the_generator(
    client: httpx2.Client, store: Store, labelset_id: str, body: dict[str, str], pointer: str
) -> None:
    """The flaw names the image and the range, for training and for validation images."""
    give_conditions(store, labelset_id, (2, 3))
    answer = client.post("/v1/fits", json=body | {pointer: labelset_id})
    assert answer.status_code == 422
    flaw = answer.json()["errors"][-1]
    assert (flaw["pointer"], flaw["file"]) == (f"/{pointer}", "image-1")
    assert "the classes of generator 'tiny-32' are 0 to 2" in flaw["detail"]


@pytest.mark.parametrize("conditions", [(2, 0), (None, None)])
def test_valid_conditions_are_accepted(
    client: httpx2.Client,
    store: Store,
    labelset_id: str,
    body: dict[str, str],
    *,
    conditional: StoredGenerator,
    conditions: tuple[int, int],
) -> None:
    """A conditional generator also takes a labelset without conditions."""
    assert conditional.num_classes == 3
    give_conditions(store, labelset_id, conditions)
    assert client.post("/v1/fits", json=body).status_code == 202
    shown = client.get(f"/v1/labelsets/{labelset_id}").json()
    assert [entry["condition"] for entry in shown["entries"]] == list(conditions)
    counts = [{"condition": one, "num_images": 1} for one in (0, 2)] if conditions[0] else []
    assert shown["conditions"] == counts
