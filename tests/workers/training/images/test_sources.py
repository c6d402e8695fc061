"""The images of a training from a folder and from an array, and the order and the flips of its batches."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.workers.training.image_archives import image_files
from workers.training.images.reading import Reading, image_paths, read_image
from workers.training.images.sources import Batches, ImageArray, ImageFolder


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    """Twelve images of 16 px."""
    for name, data in image_files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return ImageFolder(image_paths(tmp_path), Reading(image_px=(16, 16)))


@pytest.mark.parametrize("channels", [3, 1])
def test_an_array_reads_what_was_stored(folder: ImageFolder, tmp_path: Path, channels: int) -> None:
    """Images in [-1, 1] by index; one channel is repeated three times."""
    pixels = np.stack([read_image(path, folder.reading) for path in folder.paths])[..., :channels]
    np.save(tmp_path / "images.npy", pixels)
    array = ImageArray(tmp_path / "images.npy")
    images = array.read([3, 0])
    assert (len(array), images.shape) == (12, (2, 3, 16, 16))
    if channels == 3:
        assert torch.equal(images, folder.read([3, 0]))
    else:
        assert torch.equal(images[:, :1].expand(-1, 3, -1, -1), images)


def test_flips_mirror_about_half_of_the_images(folder: ImageFolder) -> None:
    """They depend on the seed and the position alone, so a resumed training sees the same images."""
    plain = torch.cat(list(islice(Batches(folder, 4, seed=1).after(0), 30)))
    flipped = torch.cat(list(islice(Batches(folder, 4, seed=1, flips=True).after(0), 30)))
    is_mirrored = (flipped == plain.flip(-1)).flatten(1).all(dim=1)
    is_equal = (flipped == plain).flatten(1).all(dim=1)
    assert (is_mirrored | is_equal).all()
    assert 40 < int(is_mirrored.sum()) < 80
    later = next(Batches(folder, 4, seed=1, flips=True).after(80))
    assert torch.equal(later, flipped[80:84])


def test_shares_divide_a_batch(folder: ImageFolder) -> None:
    """Two processes see the images of one process between them."""
    whole = next(Batches(folder, 4, seed=1).after(8))
    halves = [next(Batches(folder, 4, seed=1, share=(rank, 2)).after(8)) for rank in range(2)]
    assert torch.equal(torch.stack(halves, dim=1).flatten(0, 1), whole)
