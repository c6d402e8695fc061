"""`python -m benchmarks.downstream.spread FILE ...`: the spread of image scores over images and trainings.

The files are trainings of one arm that `benchmarks.downstream` kept. The calibration test of reports
(`tests/workers/evaluating/confusions.py`) uses these numbers. The last line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.evaluating.scoring import ImageScores

# Added to right and wrong pixels: log odds of 0 or 1 are infinite.
SMOOTHING = 0.5


def spread(confusions: NDArray[np.int64]) -> dict[str, Any]:
    """Return the spread of confusions [trainings, images, truth, predicted].

    The log odds that a pixel of class c is right in image i and training t are split as
    mean_c + image_ic + training_tc + both_itc, a two-way layout without replication. Returned are standard deviations:
    the root mean square over the classes.
    """
    hits = np.diagonal(confusions, axis1=2, axis2=3).astype(np.float64)  # [t, i, c]
    truth = confusions.sum(axis=3)
    odds = np.log((hits + SMOOTHING) / (truth - hits + SMOOTHING))
    parts = [
        _components(odds[:, truth[0, :, c] > 0, c])
        for c in range(odds.shape[2])
        if (truth[0, :, c] > 0).sum() > 1
    ]
    image, training, both = np.sqrt(np.mean(np.clip(parts, 0, None), axis=0))
    present = truth[0] > 0
    pixels = truth[0].sum(axis=1, keepdims=True)
    shares = np.where(present, truth[0] / pixels, np.nan)
    return {
        "shares": _rounded(np.nanmean(shares, axis=0)),
        "presence": _rounded(present.mean(axis=0)),
        "accuracy": _rounded(hits.sum(axis=(0, 1)) / truth.sum(axis=(0, 1))),
        "image": round(float(image), 3),
        "training": round(float(training), 3),
        "both": round(float(both), 3),
    }


def _components(odds: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the variances of images, of trainings and of both together, from odds [trainings, images]."""
    trainings, images = odds.shape
    rows, columns = odds.mean(axis=1, keepdims=True), odds.mean(axis=0, keepdims=True)
    left = odds - rows - columns + odds.mean()
    both = float((left**2).sum() / ((trainings - 1) * (images - 1)))
    # The variance of a mean over m values holds 1/m of the variance of both together.
    image = float(columns.var(ddof=1)) - both / trainings
    training = float(rows.var(ddof=1)) - both / images
    return image, training, both


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]


def main(arguments: Sequence[str]) -> int:
    """Print the spread of the given files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.downstream.spread")
    parser.add_argument("files", type=Path, nargs="+")
    files = parser.parse_args(arguments).files
    scores = [ImageScores.from_bytes(path.read_bytes()) for path in files]
    print(
        json.dumps(spread(np.stack([one.by_task["segmentation"]["confusion"] for one in scores])))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
