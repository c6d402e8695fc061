"""`python -m benchmarks.speed.micro_batches`: does a pair depend on its micro-batch, and what would a fixed one cost?

For both built-in generators, with an ensemble for five levels of brightness. Pairs of smaller micro-batches are
compared with those of the largest one: codes, bytes of the image, pixels of the mask, steps of the uncertainty map,
scores. Then each size with other images in the micro-batch. Then the processor time of a pair: the median of paired
rounds in which the sizes alternate. The last line is JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options
from benchmarks.options import BUILTIN, BUILTIN_DIFFUSION
from models.generators.diffusion.generator import build_generator as build_diffusion
from models.generators.generator import Generator
from models.generators.stylegan2.generator import build_generator as build_stylegan2
from models.labels.label_generator import LabelGenerator, Rendered
from models.labels.training import train_ensemble
from models.sampling import Candidate, CandidateDraws
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from workers.runtime.weights import read_network

FAMILIES: dict[str, tuple[Path, Callable[..., Any]]] = {
    "stylegan2": (BUILTIN, build_stylegan2),
    "diffusion": (BUILTIN_DIFFUSION, build_diffusion),
}
NUM_CLASSES, NUM_LABELLED, TRAINED_STEPS = 5, 16, 300
TRUNCATION = 0.7
UNCERTAINTY_STEPS = 255


@dataclass(frozen=True)
class Pairs:
    """Rendered pairs, image by image."""

    codes: Tensor
    images: Tensor
    masks: Tensor
    uncertainty: Tensor
    scores: Tensor

    @classmethod
    def joined(cls, parts: Sequence[tuple[Tensor, Rendered]]) -> "Pairs":
        """Return the pairs of all micro-batches."""
        rendered = [one for _, one in parts]
        return cls(
            torch.cat([codes for codes, _ in parts]),
            torch.cat([one.images for one in rendered]),
            torch.cat([one.labels["segmentation"]["masks"] for one in rendered]),
            torch.cat([one.uncertainty for one in rendered]),
            torch.cat([one.scores for one in rendered]),
        )

    def rows(self, rows: Sequence[int]) -> "Pairs":
        """Return some of the pairs."""
        chosen = list(rows)
        return Pairs(*(getattr(self, name)[chosen] for name in vars(self)))

    def agreement(self, other: "Pairs") -> dict[str, float]:
        """Return the shares that are equal, and the largest difference of a byte and of a score."""
        steps = [(one.uncertainty * UNCERTAINTY_STEPS).round() for one in (self, other)]
        return {
            "codes": _equal(self.codes, other.codes),
            "bytes": _equal(self.images, other.images),
            "mask_pixels": _equal(self.masks, other.masks),
            "uncertainty": _equal(*steps),
            "scores": _equal(self.scores, other.scores),
            "largest_byte": int((self.images.int() - other.images.int()).abs().max()),
            "largest_score": float((self.scores - other.scores).abs().max()),
        }


def main() -> None:
    """Measure every family and print one line of JSON."""
    parsed = _parse()
    results: dict[str, object] = {"benchmark": "micro_batches", "threads": torch.get_num_threads()}
    for name in parsed.families:
        folder, build = FAMILIES[name]
        generator: Generator = build(*read_network(folder, "generator"))
        results[name] = measured(fitted(generator), parsed.sizes, parsed.samples, parsed.rounds)
        print(f"{name}: {json.dumps(results[name])}", file=sys.stderr, flush=True)
    print(json.dumps(results))


def measured(
    label_generator: LabelGenerator, sizes: Sequence[int], samples: int, rounds: int
) -> dict[str, object]:
    """Return the agreement with the largest size, and the ratio of processor times to it."""
    largest, order = max(sizes), list(range(samples))
    whole = render(label_generator, order, largest)
    smaller = {
        str(size): render(label_generator, order, size).agreement(whole)
        for size in sizes
        if size != largest
    }
    mixed = torch.randperm(samples, generator=torch.Generator().manual_seed(1)).tolist()
    company = {
        str(size): render(label_generator, mixed, size).agreement(
            render(label_generator, order, size).rows(mixed)
        )
        for size in sizes
    }
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            began = time.process_time()
            render(label_generator, order[: 2 * largest], size)
            seconds[size].append(time.process_time() - began)
    ratios = {
        str(size): round(
            median(one / base for one, base in zip(seconds[size], seconds[largest], strict=True)), 3
        )
        for size in sizes
    }
    each = median(seconds[largest]) / min(2 * largest, samples)
    return {
        "smaller": smaller,
        "other_company": company,
        "time_ratio": ratios,
        "seconds_per_pair": round(each, 4),
    }


def render(label_generator: LabelGenerator, indices: Sequence[int], size: int) -> Pairs:
    """Return the pairs of some samples, `size` at once."""
    return Pairs.joined(list(_micro_batches(label_generator, indices, size)))


def fitted(generator: Generator) -> LabelGenerator:
    """Return a label generator for levels of brightness, trained for a moment on samples."""
    codes = _sample(generator, range(1_000, 1_000 + NUM_LABELLED))
    with torch.no_grad():
        grey = generator.synthesize(codes).images.mean(dim=1)
    edges = torch.linspace(0, 1, NUM_CLASSES + 1)[1:-1]
    masks = torch.bucketize(grey, grey.flatten().quantile(edges))
    height, width = grey.shape[1:]
    ensemble = train_ensemble(
        generator,
        codes,
        Labels((height, width), segmentation=masks),
        tasks=TaskSet(SegmentationTask(NUM_CLASSES)),
        options=ensemble_options(kind="compact", steps=TRAINED_STEPS),
        seed=0,
    )
    return LabelGenerator(generator, ensemble)


def _micro_batches(
    label_generator: LabelGenerator, indices: Sequence[int], size: int
) -> Iterator[tuple[Tensor, Rendered]]:
    for start in range(0, len(indices), size):
        codes = _sample(label_generator.generator, indices[start : start + size])
        yield codes, label_generator.render(codes)


def _sample(generator: Generator, indices: Sequence[int]) -> Tensor:
    draws = CandidateDraws(0, [Candidate(index) for index in indices])
    with torch.no_grad():
        return generator.sample(draws, TRUNCATION)


def _equal(one: Tensor, other: Tensor) -> float:
    return round(float((one == other).double().mean()), 7)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.micro_batches", description=__doc__
    )
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 4, 8, 16])
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()
