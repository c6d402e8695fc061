"""The portraits of the downstream benchmark: real pairs, generated pairs of a fit, and labels of held-out portraits.

Everything that takes long is kept in a folder: inverted codes, and the generated pairs of each fit.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import CodeStore, Networks
from benchmarks.segmenter.renderings import Renderings, render_pairs
from contracts.schemas import LabelSchema
from examples.portraits.classes import CLASS_NAMES, IMAGE_PX
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.downstream.pairs import Pairs
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.sampling import Candidate, latents
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from workers.evaluating.scoring import ImageScores, score_batches

PX = (IMAGE_PX, IMAGE_PX)
TASKS = TaskSet(SegmentationTask(len(CLASS_NAMES)))
SCHEMA = LabelSchema(classes=CLASS_NAMES)
ORACLE_DRAW = 900
SAMPLE_SEED = 11
MICRO_BATCH = 32


@dataclass(frozen=True)
class Portraits:
    """The built-in domain. `generator` is the folder of its networks, `folder` keeps intermediate files."""

    generator: Path
    folder: Path
    num_heldout: int
    num_oracle: int

    def real(self, draw: int, count: int) -> Pairs:
        """Return the labelled portraits of one draw."""
        return _pairs("labelled", draw, count)

    def oracle(self) -> Pairs:
        """Return all labelled portraits; they are others than those of the draws."""
        return _pairs("labelled", ORACLE_DRAW, self.num_oracle)

    @functools.cached_property
    def heldout(self) -> Pairs:
        """The held-out portraits."""
        return _pairs("heldout", 0, self.num_heldout)

    def synthetic(self, draw: int, labels: int, count: int) -> Pairs:
        """Return generated pairs of the fit on one draw; a smaller count is the start of a larger one."""
        path = self.folder / f"synthetic-{labels}-{draw}-{count}.npz"
        if not path.exists():
            self._generate(path, self._fit(draw, labels), count)
        with np.load(path) as arrays:
            images, masks = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["masks"])
        return _as_pairs(images, masks)

    def direct(self, draw: int, labels: int) -> ImageScores:
        """Return the scores of the fit's labels of the inverted held-out portraits."""
        fitted, codes = (
            self._fit(draw, labels),
            self._store.labelled("heldout", 0, self.num_heldout),
        )
        batches = (dict(fitted.render(part).labels) for part in codes.ws.split(MICRO_BATCH))
        return score_batches(batches, self.heldout.labels, TASKS)

    @functools.cached_property
    def _store(self) -> CodeStore:
        return CodeStore(self.folder, Networks.read(self.generator), inversion_options())

    @functools.lru_cache(maxsize=1)  # noqa: B019 - one object lives as long as the process
    def _fit(self, draw: int, count: int) -> LabelGenerator:
        """Fit with the default options, as the service does."""
        coded = self._store.labelled("labelled", draw, count)
        generator = self._store.networks.generator
        ensemble = train_ensemble(
            generator,
            coded.ws,
            Labels(PX, segmentation=coded.masks),
            tasks=TASKS,
            options=ensemble_options(),
            seed=draw,
        )
        return LabelGenerator(generator, ensemble)

    def _generate(self, path: Path, fitted: LabelGenerator, count: int) -> None:
        rendered = [fitted.render(codes) for codes in self._sample_codes(count)]
        images = torch.cat([one.images for one in rendered])
        masks = torch.cat([one.labels["segmentation"]["masks"] for one in rendered])
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez_compressed(unfinished, images=images.numpy(), masks=masks.numpy())
        unfinished.replace(path)

    def _sample_codes(self, count: int) -> Iterator[Tensor]:
        """Yield codes of untruncated samples, micro-batch by micro-batch."""
        generator = self._store.networks.generator
        z = latents(
            SAMPLE_SEED, [Candidate(index) for index in range(count)], generator.config.z_dim
        )
        for part in z.split(MICRO_BATCH):
            yield generator.map(part)


def _pairs(split: str, draw: int, count: int) -> Pairs:
    seed = seed_of(split, draw)
    rendered: Renderings = render_pairs(seed, stratified_indices(seed, count))
    return _as_pairs(torch.from_numpy(rendered.images), torch.from_numpy(rendered.masks))


def _as_pairs(images: Tensor, masks: Tensor) -> Pairs:
    """Return bytes [n, h, w, 3] and masks [n, h, w] as pairs."""
    return Pairs.of(images.permute(0, 3, 1, 2).contiguous(), Labels(PX, segmentation=masks))
