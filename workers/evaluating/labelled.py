"""The caller's own images with labels of the fit: the shards of a labeling in, pairs of the networks' size out.

A held-out image and a near-copy of one are left out: the score would be too high. The first attempt records the
rest, because the labeling may be deleted before the report is made.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from contracts.errors.jobs import InputMissing, JobFailed
from contracts.evaluations.evaluation import EvaluationRequest, OwnImages
from contracts.labelings import LabelingManifest, PinnedLabeling
from handsoff_shards.reading import Exported, ShardSet, samples_of
from models.downstream.pairs import Pairs, PixelImages
from state import keys, records
from state.store import Store
from workers.codecs.task import codecs_of
from workers.evaluating.gathering import Gathered
from workers.rendering.exports import labels_of
from workers.runtime.artefacts import fetched
from workers.runtime.jobs import Deleted, Run

COMPARED_PX = 16
COPY_SHARE = 1 / 3
"""Of the usual distance between a held-out image and the nearest other one: 12 of 36 levels (RMS) on 200 portraits of
64 px. Copies as JPEG of quality 30, in half of the size or moved by a pixel have 9 at most or in the median, the
closest of 1,000 other portraits has 20 (benchmarks/LOG.md)."""
ROUNDING = 0.5
"""Levels of the 255 that equal images may differ by."""
CHUNK = 100
MAX_NAMES = 5


def read_labelled(
    run: Run, request: EvaluationRequest, pinned: PinnedLabeling, heldout: Pairs
) -> Pairs:
    """Return the labelled images that are not held out, at the size of the held-out ones, and record them.

    Raises:
        InputMissing: the labeling or one of its shards is gone.
        JobFailed: all of its images are held out.
    """
    manifest = _read_labeling(run.machine.store, request.tenant, pinned)
    gathered = Gathered(
        codecs_of(run.machine.tasks, request.labels), manifest.num_samples, heldout.px
    )
    names = []
    for number, sample in enumerate(_samples(run.machine.store, manifest, pinned.id)):
        labels = {
            codec.name: codec.stored(sample.files[codec.extension], request.labels)
            for codec in gathered.codecs
        }
        gathered.add(number, sample.sample.image, labels)
        names.append(_name(sample))
        run.step("reading", number + 1, manifest.num_samples)
    pairs = gathered.pairs()
    are_heldout = are_copies(pairs.images, heldout.images)
    if are_heldout.all():
        raise JobFailed(
            f"Expected images in {pinned.id} that are not held out, but all of its {len(names)} images are in"
            f" {request.heldout_labelset.id} too. Label other images, or leave the arm labelled out."
        )
    _record(run, [name for name, is_one in zip(names, are_heldout, strict=True) if is_one], names)
    return pairs.select((~are_heldout).nonzero().flatten()) if are_heldout.any() else pairs


def read_own_images(run: Run) -> OwnImages | None:
    """Return what the arm `labelled` trains on; None without this arm."""
    return records.read(run.machine.store, keys.evaluation_own_images(run.ref), OwnImages)


def heldout_warnings(own: OwnImages | None) -> Iterator[str]:
    """Yield a warning of the images that are left out."""
    if own is not None and own.heldout:
        more = f" and {len(own.heldout) - MAX_NAMES} more" if len(own.heldout) > MAX_NAMES else ""
        yield f"Own images that are held out too are not trained on: {', '.join(own.heldout[:MAX_NAMES])}{more}."


def _read_labeling(store: Store, tenant: str, pinned: PinnedLabeling) -> LabelingManifest:
    key = keys.manifest(tenant, "labelings", pinned.id)
    manifest = records.read(store, key, LabelingManifest)
    if manifest is None or manifest.labels is None or manifest.digest != pinned.digest:
        raise InputMissing(
            f"The request pins labeling '{pinned.id}' with digest {pinned.digest[:12]}, which is not in the store."
            " Label the images again and send a new request."
        )
    return manifest


def _samples(store: Store, manifest: LabelingManifest, name: str) -> Iterator[Exported]:
    """Yield all labelled images in order."""
    assert manifest.labels is not None
    with TemporaryDirectory(prefix="handsoff-") as folder:
        paths = fetched(store, (shard.tar for shard in manifest.shards), Path(folder))
        yield from samples_of(ShardSet(name, labels_of(manifest.labels), paths))


def _name(sample: Exported) -> str:
    original = sample.sample.original
    return original.name if original else sample.key


def are_copies(images: PixelImages, heldout: PixelImages) -> Tensor:
    """Return whether each image is a held-out one or a near-copy of it, bool [n].

    A near-copy is far closer to a held-out image than held-out images are to each other. So photographs by one fixed
    camera, which are all alike, are no copies.
    """
    own, others = _averages(images), _averages(heldout)
    usual = torch.cdist(others, others).fill_diagonal_(torch.inf).min(dim=1).values.median()
    limit = max(COPY_SHARE * float(usual), ROUNDING * own.shape[1] ** 0.5)
    nearest = [torch.cdist(part, others).min(dim=1).values for part in own.split(CHUNK)]
    return torch.cat(nearest).le(limit)


def _averages(images: PixelImages) -> Tensor:
    """Return the mean colors of 16 x 16 parts, float32 [n, 768]."""
    parts = [
        adaptive_avg_pool2d(part.float(), COMPARED_PX).flatten(1) for part in images.split(CHUNK)
    ]
    return torch.cat(parts)


def _record(run: Run, heldout: list[str], names: list[str]) -> None:
    if records.is_deleted(run.machine.store, run.ref):
        raise Deleted
    own = OwnImages(num_images=len(names) - len(heldout), heldout=tuple(heldout))
    records.create(run.machine.store, keys.evaluation_own_images(run.ref), own)
