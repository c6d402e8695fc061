"""Which downstream networks a request may name."""

from collections.abc import Callable

import httpx2

from tests.app.evaluations.conftest import SMP, AddLabelset


def test_other_networks_learn_masks_alone(
    client: httpx2.Client, add_labelset: AddLabelset, finish_fit: Callable[[str], None]
) -> None:
    """With depth in the held-out labels they are refused; held-out masks alone are evaluated."""
    depth = {"unit": "m", "scale": 0.1}
    both = {"generator": "tiny-32", "labelset": add_labelset("x", "y", depth=depth)}
    fit = client.post("/v1/fits", json=both).json()["id"]
    finish_fit(fit)
    body = {"fit": fit, "options": {"network": SMP}}
    with_depth = body | {"heldout_labelset": add_labelset("a", "b", depth=depth)}
    (flaw,) = client.post("/v1/evaluations", json=with_depth).json()["errors"]
    assert flaw["pointer"] == "/options/network"
    assert "smp:unet/resnet18 learns masks alone, but the held-out images have" in flaw["detail"]
    assert "labels for depth" in flaw["detail"]
    answer = client.post(
        "/v1/evaluations", json=body | {"heldout_labelset": add_labelset("a", "b")}
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["options"]["network"] == SMP | {"weights": "random"}
