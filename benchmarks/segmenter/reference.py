"""The reference segmenter, which labels generated images because they have no exact truth.

It is trained on renderings of a separate split and scored on new ones. `python -m benchmarks.segmenter.reference`
trains it, continues a training or reads the trained weights; its last line is JSON. Other benchmarks call
`reference_segmenter`.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.options import CACHE
from benchmarks.segmenter.network import Segmenter, SegmenterConfig, build_segmenter, segment
from benchmarks.segmenter.renderings import cached_renderings
from benchmarks.segmenter.training import TrainingOptions, train_segmenter
from examples.portraits.classes import CLASS_NAMES, IMAGE_PX, Part
from models.tasks.segmentation_scores import ConfusionMatrix
from workers.runtime.weights import read_network, write_network

NAME = "reference-segmenter"
NUM_RENDERINGS = 20_000
NUM_TESTS = 2_000
# In 6,000 renderings glasses have at least 133 pixels and hats 192. Misclassified pixels are far fewer.
WORN_PIXELS = 50


@dataclass(frozen=True)
class Score:
    """Metrics over the pixels of all test images. Shares count images with the accessory."""

    accuracy: float
    miou: float
    iou: dict[str, float]
    shares_true: dict[str, float]
    shares_predicted: dict[str, float]


def reference_segmenter(
    folder: Path = CACHE,
    *,
    num_renderings: int = NUM_RENDERINGS,
    options: TrainingOptions | None = None,
    processes: int = 1,
) -> Segmenter:
    """Return the trained segmenter in `folder`. Train it first if there is none with these options."""
    options = options or TrainingOptions()
    config = SegmenterConfig(len(CLASS_NAMES))
    recipe = config.to_dict() | {"renderings": num_renderings, "training": asdict(options)}
    if (folder / f"{NAME}.json").exists():
        stored, tensors = read_network(folder, NAME)
        if stored == recipe:
            return build_segmenter(stored, tensors)
    pairs = cached_renderings(folder, "segmenter-training", num_renderings, processes=processes)
    torch.manual_seed(options.seed)
    segmenter = Segmenter(config)
    checkpoint = folder / f"{NAME}.checkpoint"
    train_segmenter(segmenter, pairs, options, checkpoint=checkpoint, on_step=_Progress())
    write_network(folder, NAME, segmenter, recipe)
    return segmenter.requires_grad_(False)


def score(segmenter: Segmenter, images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> Score:
    """Compare the predicted masks of images with the true masks."""
    predicted = segment(segmenter, images)
    confusion = ConfusionMatrix(len(CLASS_NAMES))
    confusion.add(torch.from_numpy(predicted).long(), torch.from_numpy(masks).long())
    return Score(
        accuracy=confusion.accuracy(),
        miou=confusion.mean_iou(),
        iou={n: float(v) for n, v in zip(CLASS_NAMES, confusion.iou(), strict=True)},
        shares_true=worn_shares(masks),
        shares_predicted=worn_shares(predicted),
    )


def worn_shares(masks: NDArray[np.uint8]) -> dict[str, float]:
    """Return the shares of images with glasses and with a hat, the rare modes that a generator may lose.

    Masks of any size [n, h, w]: the least number of pixels is that of the same area at 64 px.
    """
    least = WORN_PIXELS * masks[0].size / IMAGE_PX**2
    return {
        part.name.lower(): float(((masks == part).sum(axis=(1, 2)) >= least).mean())
        for part in (Part.GLASSES, Part.HAT)
    }


class _Progress:
    """Prints a line every 100 steps with the steps per second since the last line."""

    def __init__(self) -> None:
        self.since, self.steps = time.monotonic(), 0

    def __call__(self, done: int, total: int, loss: float) -> None:
        self.steps += 1
        if done % 100 and done != total:
            return
        now = time.monotonic()
        rate = self.steps / (now - self.since)
        print(f"step {done} of {total}, loss {loss:.4f}, {rate:.2f} steps/s", flush=True)
        self.since, self.steps = now, 0


def main(arguments: Sequence[str]) -> int:
    """Train or read the segmenter, score it on new renderings, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segmenter.reference")
    parser.add_argument("--folder", type=Path, default=CACHE, help="renderings, weights")
    parser.add_argument("--renderings", type=int, default=NUM_RENDERINGS)
    parser.add_argument("--epochs", type=int, default=TrainingOptions.epochs)
    parser.add_argument("--tests", type=int, default=NUM_TESTS)
    parser.add_argument("--processes", type=int, default=1, help="processes that render")
    options = parser.parse_args(arguments)
    segmenter = reference_segmenter(
        options.folder,
        num_renderings=options.renderings,
        options=TrainingOptions(epochs=options.epochs),
        processes=options.processes,
    )
    tests = cached_renderings(
        options.folder, "segmenter-testing", options.tests, processes=options.processes
    )
    print(json.dumps(_report(segmenter, score(segmenter, tests.images, tests.masks), options)))
    return 0


def _report(segmenter: Segmenter, metrics: Score, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "benchmark": "reference_segmenter",
        "parameters": sum(parameter.numel() for parameter in segmenter.parameters()),
        "renderings": options.renderings,
        "epochs": options.epochs,
        "tests": options.tests,
        **{key: _rounded(value) for key, value in asdict(metrics).items()},
    }


def _rounded(value: float | dict[str, float]) -> float | dict[str, float | None] | None:
    """Round to four digits. NaN (a class without a test pixel) becomes null."""
    if isinstance(value, dict):
        return {name: _round(number) for name, number in value.items()}
    return _round(value)


def _round(number: float) -> float | None:
    return None if math.isnan(number) else round(number, 4)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
