"""Draws samples from an imported generator: a contact sheet for users, and the mean and std of the pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from contracts.errors.jobs import InvalidCheckpoint
from models.generators.generator import Generator
from models.labels.label_generator import to_bytes
from models.sampling import Candidate, CandidateDraws, Stream
from workers.codecs.images import Pixels, encode_image
from workers.runtime.jobs import Run
from workers.runtime.micro_batches import MicroBatches

NUM_SAMPLES = 64
COLUMNS = 8
MAX_CELL_PX = 128
SEED = 1
"""A seed of the stream `PILOT`, from which no batch draws."""
TRUNCATION = 0.7
"""The default truncation of batches, so that the sheet looks like their images."""


@dataclass(frozen=True)
class Samples:
    """The sheet as PNG, and `mean` and `deviation` of the samples' pixels, float32 [3, h, w] in [-1, 1]."""

    sheet: bytes
    statistics: dict[str, Tensor]


def draw_samples(run: Run, generator: Generator) -> Samples:
    """Render `NUM_SAMPLES` samples. Raises `InvalidCheckpoint` when their values are not finite."""
    cells: list[Pixels] = []
    total = torch.zeros(3, *generator.layout.image_px, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for rendered in _render(run.machine.micro_batches, str(run.ref), generator):
        if not torch.isfinite(rendered).all():
            raise InvalidCheckpoint(
                "Expected finite images, but images of this generator have values that are not finite (nan or inf)."
                " Its training has probably diverged. Upload an earlier snapshot."
            )
        images = rendered.clamp(-1, 1)  # after the check, because a clamp turns infinity into white
        cells.extend(cell(pixels) for pixels in to_bytes(images).numpy())
        total += images.double().sum(dim=0)
        squares += images.double().square().sum(dim=0)
        run.step("sampling", len(cells), NUM_SAMPLES)
    mean = total / NUM_SAMPLES
    std = (squares / NUM_SAMPLES - mean.square()).clamp_min(0).sqrt()
    statistics = {"mean": mean.float(), "deviation": std.float()}
    return Samples(sheet=encode_image(grid(cells)), statistics=statistics)


def _render(micro_batches: MicroBatches, name: str, generator: Generator) -> Iterator[Tensor]:
    """Yield the images, micro-batch by micro-batch, on the CPU."""

    def work(chunk: Sequence[Candidate]) -> Tensor:
        codes = generator.sample(CandidateDraws(SEED, chunk, Stream.PILOT), TRUNCATION)
        return generator.synthesize(codes).images.cpu()

    candidates = [Candidate(index) for index in range(NUM_SAMPLES)]
    largest = micro_batches.max_size(generator.layout.synthesis_bytes)
    return micro_batches.run("sampling", name, candidates, work, largest=largest)


def cell(pixels: Pixels) -> Pixels:
    """Reduce a sample so that the whole sheet fits a screen."""
    reduction = -(-max(pixels.shape[:2]) // MAX_CELL_PX)
    return np.asarray(Image.fromarray(pixels).reduce(reduction))


def grid(cells: Sequence[Pixels], columns: int = COLUMNS) -> Pixels:
    """Return the cells, which have one size, as one picture without gaps, row by row."""
    rows = [
        np.concatenate(cells[start : start + columns], axis=1)
        for start in range(0, len(cells), columns)
    ]
    return np.concatenate(rows)
