"""Two batches side by side."""

import httpx2

from tests.app.ui.conftest import words
from tests.app.ui.rendered import Render


def test_the_same_samples_stand_side_by_side(client: httpx2.Client, render: Render) -> None:
    """Each pair has both images with labels, and the share of pixels on which the labels agree."""
    left, right = render(), render()
    page = client.get(f"/ui/batches/{left}/compare", params={"with": right})
    assert page.status_code == 200
    for batch_id in (left, right):
        assert f'src="/ui/batches/{batch_id}/samples/7/mask"' in page.text
    assert "100% of pixels agree" in words(page)
    assert "differ" not in words(page).replace("how two fits differ", "")


def test_other_seeds_are_named(client: httpx2.Client, render: Render) -> None:
    """The page says why the images are not the same."""
    left, right = render(seed=1), render(seed=2, truncation=0.5)
    text = words(client.get(f"/ui/batches/{left}/compare", params={"with": right}))
    assert "The seeds differ: 1 and 2." in text
    assert "The truncations differ: 0.7 and 0.5." in text


def test_the_other_batch_is_chosen(client: httpx2.Client, render: Render) -> None:
    """Before a choice there is a list of the other batches, or how to get one."""
    left = render()
    assert "No other batch yet" in words(client.get(f"/ui/batches/{left}/compare"))
    right = render()
    page = client.get(f"/ui/batches/{left}/compare")
    assert f'value="{right}"' in page.text
    assert f'value="{left}"' not in page.text


def test_a_batch_that_does_not_exist_is_a_page(client: httpx2.Client, batch_id: str) -> None:
    """404 for the second batch as for the first."""
    for other in ("x", "batch_" + "0192" * 8):
        page = client.get(f"/ui/batches/{batch_id}/compare", params={"with": other})
        assert page.status_code == 404
