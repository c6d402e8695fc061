"""Labels some generated samples of a new fit, to compare their classes and keypoints with the labelled images.

The samples come from the reserved seed of pilots, so no batch ever has them. A slow generator renders fewer.
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from contracts.fits.metrics import GeneratedShares
from models.labels.label_generator import LabelGenerator, Rendered
from models.sampling import Candidate, CandidateDraws, Stream
from workers.codecs.task import ImageLabels, TaskCodec
from workers.fitting.checks.shares import Amounts
from workers.fitting.labelling import predicted
from workers.fitting.pairs import Pairs
from workers.runtime.jobs import Run

STAGE = "sampling"
MAX_SAMPLES = 64
"""A sample of a diffusion generator takes 0.3 s of one CPU core at 64 px."""
MIN_SAMPLES = 16
"""Fewer say too little about a class."""
MAX_SECONDS = 60.0
SAMPLES_AT_ONCE = 8
TRUNCATION = 0.7
"""The default of batches and streams."""


def sample_shares(
    run: Run, label_generator: LabelGenerator, pairs: Pairs, digest: str
) -> GeneratedShares | None:
    """Return the shares in up to `MAX_SAMPLES` samples; None if `MAX_SECONDS` end before `MIN_SAMPLES` are rendered.

    `digest` is the generator's, the key of its micro-batch sizes.
    """
    samples: list[ImageLabels] = []
    began = time.monotonic()
    for rendered in _rendered(run, label_generator, digest):
        samples += predicted(pairs.codecs, rendered)
        run.step(STAGE, len(samples), MAX_SAMPLES)
        if time.monotonic() - began > MAX_SECONDS:
            break
    return shares_of(pairs, samples) if len(samples) >= MIN_SAMPLES else None


def shares_of(pairs: Pairs, samples: Sequence[ImageLabels]) -> GeneratedShares:
    """Return the shares of every task that has classes or keypoints, in the labelled images and in samples."""
    amounts = {codec.name: _amounts(codec, pairs, samples) for codec in pairs.codecs}
    return GeneratedShares(
        num_samples=len(samples),
        truncation=TRUNCATION,
        tasks={task: one.shares() for task, one in amounts.items() if one is not None},
    )


def _rendered(run: Run, label_generator: LabelGenerator, digest: str) -> Iterator[Rendered]:
    def work(chunk: Sequence[int]) -> Rendered:
        draws = CandidateDraws(0, [Candidate(index) for index in chunk], Stream.PILOT)
        return label_generator.render(label_generator.generator.sample(draws, TRUNCATION))

    batches = run.machine.micro_batches
    largest = min(batches.max_size(label_generator.image_bytes), SAMPLES_AT_ONCE)
    return batches.run(STAGE, digest, range(MAX_SAMPLES), work, largest=largest)


def _amounts(codec: TaskCodec, pairs: Pairs, samples: Sequence[ImageLabels]) -> Amounts | None:
    """Return the amounts of a task's classes or keypoints; None for a task without any, or without labels.

    Images without labels of this task are left out.
    """
    names = codec.trait_names(pairs.schema)
    labels = [image[codec.name] for image in pairs.labels]
    labelled = [label for label in labels if not codec.is_empty(label)]
    if not names or not labelled:
        return None
    sampled = [image[codec.name] for image in samples]
    return Amounts(
        names,
        *(
            np.array([codec.trait_amounts(label, pairs.schema) for label in one])
            for one in (labelled, sampled)
        ),
    )
