"""The card of a batch says how close its images are to the labelled ones, and counts near-copies."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contracts.base import Artefact
from contracts.fits.metrics import ImagePart
from handsoff_shards.writing import ShardWriter
from state.store import Store
from tests.client.conftest import png
from workers.rendering.documents import closeness
from workers.rendering.documents.cards import _closeness
from workers.rendering.documents.closeness import NEAR_COPY, compare, thumbnail

PX = 64


def picture(index: int) -> NDArray[np.uint8]:
    """Return a smooth random picture."""
    coarse = np.random.default_rng(index).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((PX, PX), Image.Resampling.BICUBIC))


def encoded(pixels: NDArray[np.uint8], quality: int | None = None) -> bytes:
    """Return a picture as PNG, or as JPEG of a quality."""
    if quality is None:
        return png(Image.fromarray(pixels))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


LABELLED = [thumbnail(encoded(picture(index))) for index in range(8)]


def test_near_copies_are_counted() -> None:
    """A labelled image again, recompressed, with noise and darker; other pictures are not."""
    noise = np.random.default_rng(0).normal(0, 12, (PX, PX, 3))
    noisy = np.clip(picture(2) + noise, 0, 255).astype(np.uint8)
    copies = [
        encoded(picture(0)),
        encoded(picture(1), quality=30),
        encoded(noisy),
        encoded((picture(3) * 0.9).astype(np.uint8)),
    ]
    others = [encoded(picture(index)) for index in range(100, 120)]
    found = compare([thumbnail(one) for one in [*copies, *others]], LABELLED)
    assert found is not None
    assert found.num_copies == len(copies)
    assert found.samples[0] == pytest.approx(1)
    assert found.samples[len(copies) :].max() < NEAR_COPY - 0.1


def test_labelled_images_are_compared_with_each_other() -> None:
    """This is the scale: no image is its own neighbour, and a labelled pair of copies shows."""
    found = compare(LABELLED[:1], LABELLED)
    assert found is not None
    assert found.labelled.max() < NEAR_COPY
    doubled = compare(LABELLED[:1], [*LABELLED, LABELLED[5]])
    assert doubled is not None
    assert (doubled.labelled >= NEAR_COPY).sum() == 2


def test_one_labelled_image_has_no_neighbour() -> None:
    """The card leaves the row out."""
    found = compare(LABELLED[:2], LABELLED[:1])
    assert found is not None
    assert (found.labelled.size, found.num_copies) == (0, 1)
    assert not any("among the labelled" in text for text in _closeness(found))


def test_the_used_part_is_compared() -> None:
    """A fit may crop the labelled images to the framing of the samples."""
    whole = encoded(picture(0))
    part = ImagePart(left=0.25, top=0.25, right=0.75, bottom=0.75)
    inner = encoded(picture(0)[16:48, 16:48])
    assert np.allclose(thumbnail(whole, part), thumbnail(inner))


def stored_tar(store: Store, indices: range) -> Artefact:
    """Store a shard of these pictures."""
    buffer = io.BytesIO()
    with ShardWriter(buffer) as shard:
        for index in indices:
            shard.add(index, {"png": encoded(picture(index)), "mask.png": b"mask"})
    key, data = f"{indices.start}.tar", buffer.getvalue()
    store.put(key, data)
    return Artefact(key=key, sha256="0" * 64, num_bytes=len(data))


def test_only_the_first_bytes_of_large_shards_are_read(store: Store) -> None:
    """Small shards are read one after another. A sample that the cut leaves incomplete is skipped."""
    tars = [stored_tar(store, range(2)), stored_tar(store, range(2, 4))]
    expected = [encoded(picture(index)) for index in range(4)]
    assert list(closeness._first_images(store, tars)) == expected
    cut = len(encoded(picture(0))) + 512 + 512 + 1024  # header, padding, header and mask
    assert list(closeness._first_images(store, tars, max_bytes=cut)) == expected[:1]


def test_a_deleted_labelset_is_stated() -> None:
    """The card of a batch whose labelled images are gone says so."""
    assert list(_closeness(None)) == ["Not measured: the labelled images have been deleted."]
