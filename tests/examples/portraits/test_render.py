"""A rendering with its labels: shapes, determinism, and agreement between labels."""

import numpy as np
import pytest

from examples.portraits.classes import IMAGE_PX, MATERIAL_PART, Material, Part
from examples.portraits.drawing.canvas import SUPERSAMPLES
from examples.portraits.many import render_images, render_many
from examples.portraits.population import draw_portrait
from examples.portraits.render import paint, render, render_image

SEED = 1


def first_with(accessory: str) -> int:
    """Return the index of the first portrait with an accessory."""
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


def test_a_rendering_depends_only_on_seed_and_index() -> None:
    """Image, mask, keypoints and depth are identical in another order."""
    once = [render(SEED, index) for index in (3, 4)]
    again = [render(SEED, index) for index in (4, 3)][::-1]
    for one, other in zip(once, again, strict=True):
        for truth in ("image", "mask", "keypoints", "depth"):
            np.testing.assert_array_equal(getattr(one, truth), getattr(other, truth))


def test_render_image_returns_the_same_image() -> None:
    """The faster function for training sets returns the image of `render`."""
    np.testing.assert_array_equal(render_image(SEED, 5), render(SEED, 5).image)


def test_several_processes_give_the_same_portraits_in_order() -> None:
    """Two processes return the same images in the same order as one."""
    alone = list(render_images(SEED, range(4)))
    together = list(render_images(SEED, range(4), processes=2))
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("index", [0, 4, 9])
def test_the_mask_counts_the_painted_materials(index: int) -> None:
    """A slow count of every pixel's nine supersamples gives the same mask."""
    canvas = paint(draw_portrait(SEED, index))
    side = IMAGE_PX, SUPERSAMPLES, IMAGE_PX, SUPERSAMPLES
    votes = [
        sum((canvas.material == m) for m in Material if MATERIAL_PART[m] == part) for part in Part
    ]
    counts = np.array([np.reshape(vote, side).sum(axis=(1, 3)) for vote in votes])
    np.testing.assert_array_equal(canvas.mask(), counts.argmax(axis=0))


@pytest.mark.parametrize(("accessory", "part"), [("glasses", Part.GLASSES), ("hat", Part.HAT)])
def test_a_rare_class_occurs_with_its_accessory(accessory: str, part: Part) -> None:
    """A portrait with an accessory has at least 30 pixels of it; one without has none."""
    wearer = render(SEED, first_with(accessory))
    bare = next(
        index for index in range(1000) if getattr(draw_portrait(SEED, index), accessory) is None
    )
    assert (wearer.mask == part).sum() >= 30
    assert not (render(SEED, bare).mask == part).any()


def test_common_classes_are_in_nearly_every_portrait() -> None:
    """At least 36 of 40 portraits contain each class except the accessories."""
    masks = [rendering.mask for rendering in render_many(SEED, range(40))]
    for part in Part:
        if part not in (Part.GLASSES, Part.HAT):
            assert sum(bool((mask == part).any()) for mask in masks) >= 36, part.name


def test_depth_orders_the_layers() -> None:
    """The nose is nearer than the neck, and the neck is nearer than the background."""
    rendering = render(SEED, 0)
    mean = {
        part: float(rendering.depth[rendering.mask == part].mean())
        for part in Part
        if (rendering.mask == part).any()
    }
    assert mean[Part.NOSE] < mean[Part.NECK] < mean[Part.BACKGROUND]
