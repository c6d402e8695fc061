"""A rendering with all its truth: shapes, purity, and truths that agree with each other."""

import numpy as np
import pytest

from examples.portraits.classes import IMAGE_PX, MATERIAL_PART, Material, Part
from examples.portraits.drawing.canvas import SUPERSAMPLES
from examples.portraits.many import render_images, render_many
from examples.portraits.population import draw_portrait
from examples.portraits.render import paint, render, render_image

SEED = 1


def first_with(accessory: str) -> int:
    """The index of the first portrait that wears it."""
    return next(i for i in range(1000) if getattr(draw_portrait(SEED, i), accessory) is not None)


def test_a_rendering_has_the_promised_shapes() -> None:
    """Shapes, types and ranges are those of the docstring."""
    rendering = render(SEED, 0)
    assert rendering.image.shape == (64, 64, 3)
    assert rendering.image.dtype == np.uint8
    assert rendering.mask.shape == (64, 64)
    assert rendering.mask.dtype == np.uint8
    assert rendering.keypoints.shape == (12, 3)
    assert rendering.keypoints.dtype == np.float32
    assert rendering.depth.shape == (64, 64)
    assert rendering.depth.dtype == np.float32
    assert rendering.mask.max() < len(Part)
    assert 0.0 <= rendering.depth.min() < rendering.depth.max() == 1.0


def test_a_rendering_follows_from_seed_and_index_alone() -> None:
    """Image, mask, keypoints and depth come again bit for bit, in another order too."""
    once = [render(SEED, index) for index in (3, 4)]
    again = [render(SEED, index) for index in (4, 3)][::-1]
    for one, other in zip(once, again, strict=True):
        for truth in ("image", "mask", "keypoints", "depth"):
            np.testing.assert_array_equal(getattr(one, truth), getattr(other, truth))


def test_the_image_alone_is_the_same_image() -> None:
    """The fast road for training sets shows the portraits of the full one."""
    np.testing.assert_array_equal(render_image(SEED, 5), render(SEED, 5).image)


def test_several_processes_give_the_same_portraits_in_order() -> None:
    """Work that is spread over processes comes back sorted and unchanged."""
    alone = list(render_images(SEED, range(4)))
    together = list(render_images(SEED, range(4), processes=2))
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("index", [0, 4, 9])
def test_the_mask_counts_the_painted_materials(index: int) -> None:
    """A slow recount of every pixel's nine supersamples gives the same mask."""
    canvas = paint(draw_portrait(SEED, index))
    side = IMAGE_PX, SUPERSAMPLES, IMAGE_PX, SUPERSAMPLES
    votes = [
        sum((canvas.material == m) for m in Material if MATERIAL_PART[m] == part) for part in Part
    ]
    counts = np.array([np.reshape(vote, side).sum(axis=(1, 3)) for vote in votes])
    np.testing.assert_array_equal(canvas.mask(), counts.argmax(axis=0))


@pytest.mark.parametrize(("accessory", "part"), [("glasses", Part.GLASSES), ("hat", Part.HAT)])
def test_a_rare_class_is_there_when_it_is_worn(accessory: str, part: Part) -> None:
    """Who wears glasses or a hat has at least 30 pixels of them, and nobody else has one."""
    wearer = render(SEED, first_with(accessory))
    bare = next(
        index for index in range(1000) if getattr(draw_portrait(SEED, index), accessory) is None
    )
    assert (wearer.mask == part).sum() >= 30
    assert not (render(SEED, bare).mask == part).any()


def test_common_classes_are_in_nearly_every_portrait() -> None:
    """Of 40 portraits at least 36 show each class but the accessories."""
    masks = [rendering.mask for rendering in render_many(SEED, range(40))]
    for part in Part:
        if part not in (Part.GLASSES, Part.HAT):
            assert sum(bool((mask == part).any()) for mask in masks) >= 36, part.name


def test_depth_orders_the_layers() -> None:
    """The nose is nearer than the neck, the neck nearer than the background."""
    rendering = render(SEED, 0)
    mean = {
        part: float(rendering.depth[rendering.mask == part].mean())
        for part in Part
        if (rendering.mask == part).any()
    }
    assert mean[Part.NOSE] < mean[Part.NECK] < mean[Part.BACKGROUND]
