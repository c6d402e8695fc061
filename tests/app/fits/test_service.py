"""What a fit can be made of: everything that would fail for certain is refused before it is queued."""

import httpx


def test_a_distance_that_nothing_can_measure_is_refused(
    client: httpx.Client, labelset_id: str
) -> None:
    """The paper's preset weighs a perceptual distance, and this generator came without its discriminator."""
    options = {"inversion": {"preset": "paper"}}
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/options/inversion/perceptual_weight"


def test_a_pin_without_a_mount_is_refused(client: httpx.Client, labelset_id: str) -> None:
    """A digest of mounted weights says nothing where another distance is measured."""
    options = {"inversion": {"perceptual_weight": 0, "perceptual_sha256": "0" * 64}}
    body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
    (flaw,) = client.post("/v1/fits", json=body).json()["errors"]
    assert flaw["pointer"] == "/options/inversion/perceptual_sha256"


def test_the_default_goes_without_that_distance(client: httpx.Client, labelset_id: str) -> None:
    """Who chose nothing gets a fit of a generator without a discriminator; so does who has another distance mounted."""
    for inversion in ({}, {"preset": "paper", "perceptual": "mounted"}):
        options = {"inversion": inversion}
        body = {"generator": "tiny-32", "labelset": labelset_id, "options": options}
        assert client.post("/v1/fits", json=body).status_code == 202
