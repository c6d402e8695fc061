"""How close a batch's images are to the labelled ones: thumbnails in, shares of near-copies out, for the dataset card.

A generator that has learnt few images by heart repeats them, and a near-copy of a labelled image teaches nothing new.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contracts.base import Artefact
from contracts.batches import BatchManifest
from contracts.errors.jobs import InputMissing
from contracts.fits.metrics import ImagePart
from contracts.labelsets import LabelsetManifest
from handsoff_shards.members import IMAGE_EXTENSIONS, split_name
from state import keys, records
from state.batches.pages import shards_of
from state.store import Store
from workers.rendering.documents.origins import Origin
from workers.runtime.artefacts import read_artefact

THUMBNAIL_PX = 16
NEAR_COPY = 0.95
"""A correlation of thumbnails. On portraits of 64 px, a copy as JPEG of quality 30 has 0.98 and more, one moved by a
pixel or brightened by a fifth 0.95, and the closest of 48 other portraits 0.91 (benchmarks/LOG.md)."""

MAX_SAMPLES, MAX_LABELLED = 256, 256
MAX_BYTES = 64 * 1024**2
"""The part of the shards that is read: 40 images of 1024 px."""

Thumbnail = NDArray[np.float64]


@dataclass(frozen=True)
class Closeness:
    """Correlations of thumbnails: of each sample with its nearest labelled image, and of the labelled images likewise.

    `labelled` is empty with one labelled image.
    """

    samples: NDArray[np.float64]
    labelled: NDArray[np.float64]

    @property
    def num_copies(self) -> int:
        """The number of samples that are near-copies of a labelled image."""
        return int((self.samples >= NEAR_COPY).sum())


def measure_closeness(store: Store, manifest: BatchManifest, origin: Origin) -> Closeness | None:
    """Compare the first samples of a batch with the labelled images of its fit; None if these have been deleted."""
    if origin.fit is None:
        return None
    key = keys.manifest(origin.fit.tenant, "labelsets", origin.fit.labelset.id)
    labelset = records.read(store, key, LabelsetManifest)
    if labelset is None:
        return None
    part = _used_part(origin)
    with suppress(InputMissing, FileNotFoundError):
        labelled = [
            thumbnail(read_artefact(store, entry.image), part)
            for entry in labelset.entries[:MAX_LABELLED]
        ]
        tars = (shard.tar for shard in shards_of(store, manifest))
        samples = [thumbnail(data) for data in _first_images(store, tars)]
        return compare(samples, labelled)
    return None


def compare(samples: Sequence[Thumbnail], labelled: Sequence[Thumbnail]) -> Closeness | None:
    """Return the nearest correlations. None without samples, or if all labelled images are equal.

    The mean of the labelled images is subtracted first: aligned portraits have most of a thumbnail in common.
    """
    if not samples or not labelled:
        return None
    truth = np.stack(labelled)
    mean = truth.mean(axis=0) if len(labelled) > 1 else np.zeros_like(truth[0])
    truth, drawn = _directions(truth - mean), _directions(np.stack(samples) - mean)
    among = truth @ truth.T - 2 * np.eye(len(truth))  # no image is its own neighbour
    nearest = among.max(axis=1) if len(truth) > 1 else np.empty(0)
    return Closeness((drawn @ truth.T).max(axis=1), nearest)


def thumbnail(data: bytes, part: ImagePart | None = None) -> Thumbnail:
    """Return a picture as 16 x 16 x 3 numbers, averages of its pixels; of a part of it, where that is inside."""
    with Image.open(io.BytesIO(data)) as image:
        picture = image.convert("RGB")
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    box = None if part is None else _box(part, picture.size)
    return np.asarray(picture.resize(size, Image.Resampling.BOX, box), np.float64).ravel()


def _box(part: ImagePart, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the edges of a part in pixels, without padding."""
    left, top, right, bottom = (
        min(max(edge, 0.0), 1.0) for edge in (part.left, part.top, part.right, part.bottom)
    )
    width, height = size
    return left * width, top * height, right * width, bottom * height


def _directions(thumbnails: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row without its mean, at length 1, so that products are correlations. An empty row stays zero."""
    centered = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    directions: NDArray[np.float64] = np.zeros_like(centered)
    np.divide(centered, lengths, out=directions, where=lengths > 0)
    return directions


def _used_part(origin: Origin) -> ImagePart | None:
    """Return the part of the labelled images that the fit used; None for the whole images."""
    assert origin.fit is not None
    metrics = origin.outcome.metrics if origin.outcome else None
    return metrics.framing if metrics and origin.fit.options.framing == "center" else None


def _first_images(
    store: Store, tars: Iterable[Artefact], max_bytes: int = MAX_BYTES
) -> Iterator[bytes]:
    """Yield the images of the first samples of a batch, as far as the first bytes of its tars have them."""
    num_found, left = 0, max_bytes
    for tar in tars:
        data = store.get(tar.key) if tar.num_bytes <= left else store.get_range(tar.key, 0, left)
        for name, content in _members(data):
            if split_name(name)[1] in IMAGE_EXTENSIONS:
                num_found += 1
                yield content
            if num_found == MAX_SAMPLES:
                return
        left -= len(data)
        if left <= 0:
            return


def _members(data: bytes) -> Iterable[tuple[str, bytes]]:
    """Yield name and content of the files that a cut tar has completely."""
    with (
        suppress(tarfile.TarError, EOFError),
        tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar,
    ):
        for member in tar:
            file = tar.extractfile(member)
            content = file.read() if file else b""
            if len(content) < member.size:
                return
            yield member.name, content
