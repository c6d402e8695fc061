"""The pairs of an evaluation at the size of its networks: real ones from labelsets, generated ones from the fit.

Generated pairs are those of a batch with the same seed and options, up to rounding: pair i depends on the seed and i.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from contracts.errors.jobs import JobFailed
from contracts.evaluations.evaluation import EvaluationRequest
from contracts.fits.fit import PinnedLabelset
from contracts.recipes.recipe import Recipe
from models.downstream.pairs import Pairs
from models.inversion.framing import Framing
from models.tasks.task_set import Labels
from workers.codecs.images import Pixels, resized_image
from workers.codecs.task import Array, ImageLabels, Px, TaskCodec, codecs_of
from workers.fitting import pairs as labelled
from workers.fitting.reframing import reframed
from workers.labeling.labeler import framing_of
from workers.rendering.label_generators import read_fit
from workers.rendering.pilots import measure_pilot, read_threshold
from workers.rendering.rendering import Renderer
from workers.runtime.jobs import Run


@dataclass(frozen=True)
class RealPairs:
    """Reads the labelsets of an evaluation in the framing of its fit."""

    run: Run
    request: EvaluationRequest
    framing: Framing

    @classmethod
    def of(cls, run: Run, request: EvaluationRequest) -> Self:
        """Raises `InputMissing` when the fit is gone."""
        return cls(run, request, framing_of(*read_fit(run.machine, request.tenant, request.fit)))

    def read(self, pinned: PinnedLabelset, px: Px) -> labelled.Pairs:
        """Return the pairs at (height, width).

        Raises:
            InputMissing: the labelset or one of its files is gone.
            JobFailed: an image has no label left at this size.
        """
        store = self.run.machine.store
        labelset = labelled.read_labelset(store, self.request.tenant, pinned)
        pairs = labelled.Pairs.read(
            store, labelset, fit=self.request.labels, px=px, tasks=self.run.machine.tasks
        )
        pairs = reframed(pairs, self.framing)
        unlabelled = pairs.unlabelled()
        if unlabelled:
            raise JobFailed(
                f"Expected labels in every image of {pinned.id}, but at {px[1]} x {px[0]} these have only ignored"
                f" pixels: {', '.join(unlabelled[:10])}. Label larger regions in them, or leave them out."
            )
        return pairs


def as_training_pairs(pairs: labelled.Pairs) -> Pairs:
    """Return labelled images as the tensors that networks train on."""
    images = torch.from_numpy(np.stack(pairs.images)).permute(0, 3, 1, 2).contiguous()
    return Pairs.of(images, pairs.label_tensors(range(len(pairs))))


def first_pairs(pairs: Pairs, count: int) -> Pairs:
    """Return the first pairs; nothing is copied."""
    tensors = {name: tensor[:count] for name, tensor in pairs.labels.by_task.items()}
    return Pairs.of(pairs.images[:count], Labels(pairs.px, **tensors))


def generate_pairs(run: Run, request: EvaluationRequest, px: Px) -> Pairs:
    """Return the generated pairs of all arms at (height, width).

    Raises `AcceptanceTooLow` when the filter drops nearly all of them.
    """
    machine, recipe = run.machine, _recipe(request)
    if recipe.filter is not None:
        step = run.steps("pilot")
        measure_pilot(machine, recipe, step, run.found_first(step))
    count = request.options.most_synthetic
    renderer = Renderer(
        machine, request.tenant, request.fit, seed=request.seed, truncation=recipe.truncation
    )
    gathered = Gathered(codecs_of(machine.tasks, request.labels), count, px)
    samples = renderer.draw(
        range(count),
        read_threshold(machine.store, recipe),
        on_drawn=lambda _: run.step("generating", gathered.num_pairs, count),
    )
    for sample in samples:
        labels = {codec.name: codec.label(sample.labels[codec.name]) for codec in gathered.codecs}
        gathered.add(sample.index, sample.image, labels)
        run.step("generating", gathered.num_pairs, count)
    return gathered.pairs()


class Gathered:
    """Arrays that fill with pairs of any size, in any order."""

    def __init__(self, codecs: tuple[TaskCodec, ...], count: int, px: Px) -> None:
        self.codecs, self._px = codecs, px
        self._images = np.empty((count, *px, 3), dtype=np.uint8)
        self._labels: dict[str, Array] = {}
        self.num_pairs = 0

    def add(self, index: int, image: Pixels, labels: ImageLabels) -> None:
        """Add pair `index`; its labels have the size of the image and the format of `TaskCodec.decode`."""
        source_px = (image.shape[0], image.shape[1])
        self._images[index] = resized_image(image, self._px)
        for codec in self.codecs:
            label = codec.resized(labels[codec.name], source_px, self._px)
            if codec.name not in self._labels:
                shape = (len(self._images), *label.shape)
                self._labels[codec.name] = np.empty(shape, dtype=label.dtype)
            self._labels[codec.name][index] = label
        self.num_pairs += 1

    def pairs(self) -> Pairs:
        """Return all pairs."""
        images = torch.from_numpy(self._images).permute(0, 3, 1, 2).contiguous()
        tensors = {name: torch.from_numpy(labels) for name, labels in self._labels.items()}
        return Pairs.of(images, Labels(self._px, **tensors))


def _recipe(request: EvaluationRequest) -> Recipe:
    """Return the recipe of the batch that has the same samples."""
    return Recipe(
        tenant=request.tenant,
        id=request.id,
        created_at=request.created_at,
        fit=request.fit,
        seed=request.seed,
        truncation=request.options.truncation,
        filter=request.options.filter,
        image_format="png",
        shard_size=1,
        render_version=request.render_version,
        labels=request.labels,
    )
