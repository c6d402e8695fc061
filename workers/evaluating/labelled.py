"""The caller's own images with labels of the fit: the shards of a labeling in, pairs of the networks' size out.

A held-out image and a near-copy of one are left out: the score would be too high. The first attempt records what is
left, because the labeling may be deleted before the report is made.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from contracts.errors.jobs import InputMissing, JobFailed
from contracts.evaluations.evaluation import EvaluationRequest, OwnImages
from contracts.labelings import LabelingManifest, PinnedLabeling
from handsoff_shards.reading import Exported, ShardSet, samples_of
from models.downstream.pairs import Pairs
from state import keys, records
from state.store import Store
from workers.codecs.task import codecs_of
from workers.evaluating.gathering import Gathered
from workers.rendering.documents.closeness import NEAR_COPY, Thumbnail, compare, thumbnail_of
from workers.rendering.exports import labels_of
from workers.runtime.artefacts import fetched
from workers.runtime.jobs import Deleted, Run

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
    names, thumbnails = [], []
    for number, sample in enumerate(_samples(run.machine.store, manifest, pinned.id)):
        labels = {
            codec.name: codec.stored(sample.files[codec.extension], request.labels)
            for codec in gathered.codecs
        }
        gathered.add(number, sample.sample.image, labels)
        names.append(_name(sample))
        thumbnails.append(thumbnail_of(sample.sample.image))
        run.step("reading", number + 1, manifest.num_samples)
    are_heldout = _are_heldout(thumbnails, heldout)
    if are_heldout.all():
        raise JobFailed(
            f"Expected images in {pinned.id} that are not held out, but all of its {len(names)} images are in"
            f" {request.heldout_labelset.id} too. Label other images, or leave the arm labelled out."
        )
    _record(run, [name for name, is_one in zip(names, are_heldout, strict=True) if is_one], names)
    pairs = gathered.pairs()
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


def _are_heldout(thumbnails: list[Thumbnail], heldout: Pairs) -> Tensor:
    """Return whether each image is a held-out one, bool [n]."""
    others = [thumbnail_of(one.permute(1, 2, 0).numpy()) for one in heldout.images]
    closeness = compare(thumbnails, others)
    nearest = np.zeros(len(thumbnails)) if closeness is None else closeness.samples
    return torch.from_numpy(nearest >= NEAR_COPY)


def _record(run: Run, heldout: list[str], names: list[str]) -> None:
    if records.is_deleted(run.machine.store, run.ref):
        raise Deleted
    own = OwnImages(num_images=len(names) - len(heldout), heldout=tuple(heldout))
    records.create(run.machine.store, keys.evaluation_own_images(run.ref), own)
