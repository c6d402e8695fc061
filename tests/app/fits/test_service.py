"""What a fit can be made of: everything that would fail for certain is refused before it is queued."""

import httpx2


def test_a_distance_that_nothing_can_measure_is_refused(
    client: httpx2.Client, labelset_id: str
) -> None:
    """The paper's preset weighs a perceptual distance, and this generator came without its discriminator."""
    options = {"inversion": {"preset": "paper"}}
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/options/inversion/perceptual_weight"


def test_a_pin_without_a_mount_is_refused(client: httpx2.Client, labelset_id: str) -> None:
    """A digest of mounted weights says nothing where another distance is measured."""
    options = {"inversion": {"perceptual_weight": 0, "perceptual_sha256": "0" * 64}}
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/options/inversion/perceptual_sha256"


def test_the_default_goes_without_that_distance(client: httpx2.Client, labelset_id: str) -> None:
    """Who chose nothing gets a fit of a generator without a discriminator; so does who has another distance mounted."""
    for inversion in ({}, {"preset": "paper", "perceptual": "mounted"}):
        options = {"inversion": inversion}
        body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
        assert client.post("/v1/fits", json=body).status_code == 202


def test_the_ensemble_is_chosen_by_a_word(client: httpx2.Client, labelset_id: str) -> None:
    """The request tells every number, whether the caller said nothing, a word or a value."""
    kinds = []
    for options in ({}, {"ensemble": "paper"}, {"ensemble": {"steps": 7}}):
        body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
        fit = client.get(client.post("/v1/fits", json=body).headers["location"]).json()
        ensemble = fit["options"]["ensemble"]
        kinds.append((ensemble["kind"], ensemble["steps"]))
    assert kinds == [("compact", 1_500), ("paper", 1_500), ("compact", 7)]


def test_an_unknown_ensemble_is_refused(client: httpx2.Client, labelset_id: str) -> None:
    """The answer names the words that there are."""
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": {"ensemble": "tiny"}}
    answer = client.post("/v1/fits", json=body)
    assert answer.status_code == 422
    assert "compact" in answer.text
