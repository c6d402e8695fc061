"""Labels real images by a fit: images in; labels, uncertainty and expressibility out.

The images are inverted exactly as the fit inverts its own, and the fit's ensemble labels their codes. Where codes are
images (diffusion), inversion is the identity. `metrics.heldout` of a fit is computed in the same way.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import torch
from torch import Tensor

from contracts.fits.fit import FitManifest, FitRequest
from contracts.recipes.recipe import PinnedFit
from contracts.schemas import LabelSchema
from models.inversion.framing import Framing
from models.labels.label_generator import LabelGenerator, Rendered, from_bytes
from models.tasks.task import LabelOptions
from workers.codecs.images import Pixels
from workers.codecs.task import Px, TaskCodec, codecs_of
from workers.fitting.inverting import FitInverter, Inverted, RealImages
from workers.fitting.results import is_as_uploaded
from workers.rendering.label_generators import load_ensemble, read_fit
from workers.runtime.machine import Machine

OnStep = Callable[[str, int, int], None]
"""Gets (stage, done, total) after every step, as `Run.step` does; its exceptions pass through."""


@dataclass(frozen=True)
class Unlabelled:
    """Real images uint8 [h, w, 3] at the generator's size, in the fit's framing. Implements `RealImages`."""

    pixels: Sequence[Pixels]
    conditions: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def image_tensor(self, indices: Sequence[int]) -> Tensor:
        """Return some images as float32 [n, 3, h, w] in [-1, 1]."""
        return from_bytes(torch.from_numpy(np.stack([self.pixels[index] for index in indices])))

    def condition_tensor(self, indices: Sequence[int]) -> Tensor | None:
        """Return the conditions of some images, int64 [n]; None without conditions."""
        if self.conditions is None:
            return None
        return torch.tensor([self.conditions[index] for index in indices])


@dataclass(frozen=True)
class Expression:
    """How well the generator expresses one image. `expressibility` is 0 to 1; below 0.5 a fit flags the image."""

    psnr_db: float
    perceptual_distance: float | None
    expressibility: float
    is_expressible: bool


@dataclass(frozen=True)
class LabelledImages:
    """The labels of a micro-batch of images, on the CPU. `indices` are their positions in the input.

    `rendered` has labels and uncertainty; its images are the generator's reconstructions.
    """

    indices: range
    rendered: Rendered
    expressions: tuple[Expression, ...]


@dataclass(frozen=True)
class Labeler:
    """The networks of one fit, loaded once. `labels` is the schema of what the fit has learnt."""

    inverter: FitInverter
    label_generator: LabelGenerator
    framing: Framing
    labels: LabelSchema
    codecs: tuple[TaskCodec, ...]

    @classmethod
    def open(cls, machine: Machine, tenant: str, pinned: PinnedFit) -> Self:
        """Load a succeeded fit. Raises `InputMissing` when the fit or a network that it pins is gone."""
        request, manifest = read_fit(machine, tenant, pinned)
        inverter = FitInverter.open(machine, request)
        return cls(
            inverter=inverter,
            label_generator=LabelGenerator(inverter.generator, load_ensemble(machine, manifest)),
            framing=framing_of(request, manifest),
            labels=request.labels,
            codecs=codecs_of(machine.tasks, request.labels),
        )

    @property
    def px(self) -> Px:
        """Height and width of the images and of their labels."""
        return self.label_generator.label_px

    def label(
        self, images: RealImages, on_step: OnStep, options: LabelOptions | None = None
    ) -> Iterator[LabelledImages]:
        """Yield the labels of all images, micro-batch by micro-batch, in order.

        All images are inverted first, so pass as many as may be lost when the process ends. The steps of the stage
        "inverting" count image-steps (none for exact inversion), those of "labelling" count images. `options` are those
        of the masks.
        """
        if not len(images):
            return
        inverted = self.inverter.invert(images, partial(on_step, "inverting"))
        requested = options or LabelOptions()

        def work(chunk: Sequence[int]) -> Rendered:
            return self.label_generator.render(inverted.codes[list(chunk)], requested)

        batches, num_done = self.inverter.micro_batches, 0
        largest = batches.max_size(self.label_generator.image_bytes)
        all_images = range(len(images))
        for rendered in batches.run(
            "labelling", self.inverter.digest, all_images, work, largest=largest
        ):
            indices = range(num_done, num_done + len(rendered))
            expressions = tuple(expression_of(inverted, index) for index in indices)
            yield LabelledImages(indices, rendered, expressions)
            num_done += len(rendered)
            on_step("labelling", num_done, len(images))


def framing_of(request: FitRequest, manifest: FitManifest) -> Framing:
    """Return the crop that a fit applied to its images; the identity for images as uploaded."""
    part = manifest.metrics.framing if manifest.metrics else None
    if part is None or is_as_uploaded(request):
        return Framing()
    scale = 1.0 / (part.right - part.left)
    middle_x, middle_y = (part.left + part.right) / 2, (part.top + part.bottom) / 2
    return Framing(scale, middle_x - 0.5, middle_y - 0.5)


def expression_of(inverted: Inverted, index: int) -> Expression:
    """Return how well one of the inverted images is expressed."""
    return Expression(
        psnr_db=inverted.psnr_db[index],
        perceptual_distance=inverted.perceptual_distances[index],
        expressibility=inverted.expressibility[index],
        is_expressible=inverted.are_expressible[index],
    )
