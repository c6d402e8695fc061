"""What a generator makes, looked at once when it is imported: a sheet of samples, and their mean and deviation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from contracts.errors.jobs import InvalidCheckpoint
from models.generators.stylegan2.generator import Generator
from models.labels.label_generator import to_bytes
from models.sampling import Candidate, Stream, latents
from workers.codecs.images import Pixels, encode_image
from workers.runtime.jobs import Run

NUM_SAMPLES = 64
COLUMNS = 8
MAX_CELL_PX = 128
SEED = 1
"""Of the stream that no batch draws from."""
TRUNCATION = 0.7
"""What batches are rendered with by default: the sheet shows what they will look like."""


@dataclass(frozen=True)
class Samples:
    """The sheet as PNG, and `mean` and `deviation` of the samples' pixels, float32 [3, h, w] in [-1, 1]."""

    sheet: bytes
    statistics: dict[str, Tensor]


def draw_samples(run: Run, generator: Generator) -> Samples:
    """Renders `NUM_SAMPLES` samples. Raises `InvalidCheckpoint` when they are no pictures."""
    cells: list[Pixels] = []
    total = torch.zeros(3, *generator.config.image_px, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for rendered in _render(run, generator):
        if not torch.isfinite(rendered).all():
            raise InvalidCheckpoint(
                "The checkpoint was read, but its generator makes images with values that are not finite (nan or inf):"
                " the training has probably diverged. Upload an earlier snapshot."
            )
        images = rendered.clamp(
            -1, 1
        )  # after the look: a clamp would make a white image of infinity
        cells.extend(_cell(pixels) for pixels in to_bytes(images).numpy())
        total += images.double().sum(dim=0)
        squares += images.double().square().sum(dim=0)
        run.step("sampling", len(cells), NUM_SAMPLES)
    mean = total / NUM_SAMPLES
    deviation = (squares / NUM_SAMPLES - mean.square()).clamp_min(0).sqrt()
    statistics = {"mean": mean.float(), "deviation": deviation.float()}
    return Samples(sheet=encode_image(_grid(cells)), statistics=statistics)


def _render(run: Run, generator: Generator) -> Iterator[Tensor]:
    """The images, micro-batch by micro-batch, on the CPU."""
    machine = run.machine

    def work(chunk: Sequence[Candidate]) -> Tensor:
        z = latents(SEED, chunk, generator.config.z_dim, Stream.PILOT)
        ws = generator.map(z.to(machine.device), TRUNCATION)
        return generator.synthesize(ws).images.cpu()

    candidates = [Candidate(index) for index in range(NUM_SAMPLES)]
    most = machine.micro_batches.most(generator.config.synthesis_bytes)
    return machine.micro_batches.run("sampling", str(run.ref), candidates, work, largest=most)


def _cell(pixels: Pixels) -> Pixels:
    """A sample small enough that the whole sheet can be looked at."""
    reduction = -(-max(pixels.shape[:2]) // MAX_CELL_PX)
    return np.asarray(Image.fromarray(pixels).reduce(reduction))


def _grid(cells: Sequence[Pixels]) -> Pixels:
    rows = [
        np.concatenate(cells[start : start + COLUMNS], axis=1)
        for start in range(0, len(cells), COLUMNS)
    ]
    return np.concatenate(rows)
