"""Augmentation moves images and labels together."""

import torch

from models.downstream import augmentation
from tests.models.downstream.shapes import PX


def rng(seed: int = 0) -> torch.Generator:
    """Return a generator of random numbers."""
    return torch.Generator().manual_seed(seed)


def test_labels_follow_the_image() -> None:
    """An image painted in the value of its label still has it everywhere after the warp, except between two values."""
    masks = torch.zeros(8, PX, PX, dtype=torch.uint8)
    masks[:, 4:12, 6:20] = 1
    masks[:, 14:22, 2:9] = 1
    images = (100 * masks)[:, None].expand(-1, 3, -1, -1).contiguous()
    draws = augmentation.draw(8, strength=1.0, flip=True, zoom=True, rng=rng())
    warped = (augmentation.warp(images, draws)[:, 0] + 1) * 127.5 / 100
    pixels = torch.arange(PX * PX).expand(8, -1)
    labels = masks.flatten(1).gather(1, augmentation.sources(pixels, draws, (PX, PX)))
    labels = labels.view(8, PX, PX)
    pure = (warped - warped.round()).abs() < 0.01
    assert pure.float().mean() > 0.7
    assert torch.equal(warped.round()[pure], labels[pure].float())
    assert draws.are_mirrored.any()


def test_strength_0_without_mirroring_changes_nothing() -> None:
    """Images and pixels stay as they are."""
    images = torch.randint(0, 256, (2, 3, PX, PX), generator=rng(), dtype=torch.uint8)
    draws = augmentation.draw(2, strength=0.0, flip=False, zoom=True, rng=rng())
    pixels = torch.arange(PX * PX).expand(2, -1)
    assert torch.equal(augmentation.sources(pixels, draws, (PX, PX)), pixels)
    warped = augmentation.recolor(augmentation.warp(images, draws), strength=0.0, rng=rng())
    torch.testing.assert_close(warped, images.float() / 127.5 - 1, atol=1e-4, rtol=0)


def test_without_zoom_lengths_stay() -> None:
    """Depth keeps its meaning: the maps turn, shift and mirror, and have determinant 1 or -1."""
    maps = augmentation.draw(16, strength=1.0, flip=True, zoom=False, rng=rng()).maps
    torch.testing.assert_close(torch.linalg.det(maps[:, :, :2]).abs(), torch.ones(16))


def test_images_of_any_shape_are_mapped() -> None:
    """A wide image keeps every source pixel inside."""
    draws = augmentation.draw(4, strength=1.0, flip=True, zoom=True, rng=rng())
    sources = augmentation.sources(torch.arange(8 * 20).expand(4, -1), draws, (8, 20))
    assert sources.min() >= 0
    assert sources.max() < 8 * 20
