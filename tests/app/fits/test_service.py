"""The checks of a new fit: a request that would certainly fail is refused before it is queued."""

import httpx2
import pytest

from contracts.generators.generator import GeneratorManifest, StoredGenerator
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state import keys, records
from state.store import Store


def test_a_perceptual_distance_needs_a_discriminator(
    client: httpx2.Client, labelset_id: str
) -> None:
    """The paper's preset uses a perceptual distance, and this generator has no discriminator."""
    options = {"inversion": {"preset": "paper"}}
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/options/inversion/perceptual_weight"


def test_a_digest_needs_mounted_weights(client: httpx2.Client, labelset_id: str) -> None:
    """A digest of mounted weights is refused when another distance is chosen."""
    options = {"inversion": {"perceptual_weight": 0, "perceptual_sha256": "0" * 64}}
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/options/inversion/perceptual_sha256"


def test_the_default_needs_no_discriminator(client: httpx2.Client, labelset_id: str) -> None:
    """Neither the default nor a mounted distance needs one."""
    for inversion in ({}, {"preset": "paper", "perceptual": "mounted"}):
        options = {"inversion": inversion}
        body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
        assert client.post("/v1/fits", json=body).status_code == 202


def test_the_ensemble_is_resolved(client: httpx2.Client, labelset_id: str) -> None:
    """The request has every number, whether the caller gave nothing, a kind or a value."""
    kinds = []
    for options in ({}, {"ensemble": "paper"}, {"ensemble": {"steps": 7}}):
        body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
        fit = client.get(client.post("/v1/fits", json=body).headers["location"]).json()
        ensemble = fit["options"]["ensemble"]
        kinds.append((ensemble["kind"], ensemble["steps"]))
    assert kinds == [("compact", 1_500), ("paper", 1_500), ("compact", 7)]


def test_an_unknown_ensemble_is_refused(client: httpx2.Client, labelset_id: str) -> None:
    """The error lists the kinds."""
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": {"ensemble": "tiny"}}
    answer = client.post("/v1/fits", json=body)
    assert answer.status_code == 422
    assert "compact" in answer.text


@pytest.mark.parametrize("architecture", ["stylegan2", "diffusion"])
def test_mirrored_images_are_the_default_where_they_cost_nothing(
    client: httpx2.Client,
    store: Store,
    generator: StoredGenerator,
    labelset_id: str,
    architecture: str,
) -> None:
    """The images of a diffusion model are its codes, so more of them need no inversion. A choice comes first."""
    key = keys.job_manifest(JobRef(tenant=DEFAULT_TENANT, id=generator.id))
    manifest = records.read(store, key, GeneratorManifest)
    assert manifest is not None
    changed = generator.model_copy(update={"architecture": architecture})
    records.write(store, key, manifest.model_copy(update={"generator": changed}))
    flips = []
    for ensemble in ({}, {"flips": True}, {"flips": False}):
        body = {"generator": "tiny-32", "labelset": labelset_id, "options": {"ensemble": ensemble}}
        fit = client.get(client.post("/v1/fits", json=body).headers["location"]).json()
        flips.append(fit["options"]["ensemble"]["flips"])
    assert flips == [architecture == "diffusion", True, False]
