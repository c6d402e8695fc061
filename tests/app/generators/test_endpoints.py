"""Promises of `/v1/generators`."""

import httpx

from contracts.generators import GeneratorManifest


def test_a_generator_shows_its_size_and_inverters(
    client: httpx.Client, generator: GeneratorManifest
) -> None:
    """Whoever makes a fit can see what images it needs and which inverter it would start from."""
    shown = client.get("/v1/generators/tiny-32").json()
    assert (shown["height_px"], shown["width_px"], shown["num_ws"]) == (32, 32, 8)
    assert shown["digest"] == generator.digest
    assert len(shown["inverters"]) == 1


def test_the_list_has_every_generator(client: httpx.Client) -> None:
    """The list is whole; there are few of them."""
    page = client.get("/v1/generators").json()
    assert [generator["id"] for generator in page["items"]] == ["tiny-32"]


def test_an_unknown_generator_is_not_found(client: httpx.Client) -> None:
    """The answer says where to look."""
    answer = client.get("/v1/generators/nope")
    assert answer.status_code == 404
    assert "/v1/generators" in answer.json()["detail"]
