"""Generated images state their provenance, and pixels and all other bytes do not depend on it."""

import io
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contracts.base import now
from contracts.batches import BatchRequest
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.recipes.recipe import PROVENANCE_VERSION, RENDER_VERSION, ImageFormat, PinnedFit
from handsoff_shards.members import IMAGE_EXTENSION_OF, Files
from handsoff_shards.provenance.record import Provenance
from handsoff_shards.samples import decode_sample
from tests.workers.scene import LABELS
from workers.codecs.images import encode_image
from workers.codecs.registry import TASKS
from workers.codecs.samples import Sample
from workers.codecs.task import codecs_of
from workers.rendering.shards import Shard

FORMATS = IMAGE_EXTENSION_OF.items()
FIT = PinnedFit(id=new_id("fit"), digest="ab" * 32)
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def files_of(image_format: ImageFormat, render_version: int = RENDER_VERSION) -> Files:
    """Return the files of candidate 2 for sample 7 of seed 5, as a shard of this version has them."""
    recipe = BatchRequest(
        tenant=DEFAULT_TENANT,
        id=new_id("batch"),
        created_at=now(),
        fit=FIT,
        n=8,
        seed=5,
        truncation=0.7,
        filter=None,
        image_format=image_format,
        shard_size=8,
        render_version=render_version,
        labels=LABELS,
    )
    sample = Sample(
        seed=5,
        index=7,
        attempt=2,
        image=PIXELS,
        uncertainty=np.full((32, 32), 0.2, np.float32),
        score=0.5,
        task_scores={"segmentation": 0.5},
        labels={"segmentation": {"mask": PIXELS[:, :, 0] % 2}},
    )
    return Shard(recipe, codecs_of(TASKS, LABELS)).encode(sample)


def pixels_of(data: bytes) -> NDArray[Any]:
    """Return the pixels of a picture."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize(("image_format", "extension"), FORMATS)
def test_an_image_states_its_provenance(image_format: ImageFormat, extension: str) -> None:
    """Fit, digest, seed, index and attempt. No label has metadata."""
    files = dict(files_of(image_format))
    assert decode_sample(files).provenance == Provenance(FIT.id, FIT.known_digest, 5, 7, 2)
    del files[extension]
    assert "mask.png" in files
    assert all(b"xmp" not in data for data in files.values())


@pytest.mark.parametrize(("image_format", "extension"), FORMATS)
def test_pixels_and_labels_do_not_depend_on_it(image_format: ImageFormat, extension: str) -> None:
    """Only the image file differs from that of an earlier version, and not in its pixels."""
    stating, plain = (
        files_of(image_format, version) for version in (PROVENANCE_VERSION, PROVENANCE_VERSION - 1)
    )
    assert [name for name in plain if plain[name] != stating[name]] == [extension]
    np.testing.assert_array_equal(pixels_of(stating[extension]), pixels_of(plain[extension]))


@pytest.mark.parametrize(("image_format", "extension"), FORMATS)
def test_a_request_of_an_earlier_version_keeps_its_bytes(
    image_format: ImageFormat, extension: str
) -> None:
    """A stream of an earlier release renders the image files that it rendered then, without metadata."""
    earlier = files_of(image_format, PROVENANCE_VERSION - 1)
    assert earlier[extension] == encode_image(PIXELS, image_format)
    assert decode_sample(earlier).provenance is None


def test_equal_samples_give_equal_bytes() -> None:
    """So a shard that is rendered twice has one digest."""
    for image_format in get_args(ImageFormat):
        assert files_of(image_format) == files_of(image_format)
