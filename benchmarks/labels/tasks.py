"""`python -m benchmarks.labels.tasks`: compare joint and single tasks, and ways to sample pixels.

The tasks are masks, keypoints and depth of portraits. Every variant is an ensemble fitted on inverted portraits and
scored on held-out inverted portraits with exact truth. The last line is JSON.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import CodeStore, Networks
from benchmarks.options import network_parser
from examples.portraits.classes import CLASS_NAMES
from examples.portraits.drawing.keypoints import KEYPOINT_NAMES
from examples.portraits.labelset import stratified_indices
from examples.portraits.many import render_many
from examples.portraits.splits import seed_of
from models.generators.stylegan2.generator import Generator
from models.labels.label_generator import LabelGenerator
from models.labels.training import EnsembleOptions, train_ensemble
from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

MICRO_BATCH = 16
HEAD = (KEYPOINT_NAMES.index("head_top"), KEYPOINT_NAMES.index("chin"))
"""PCK@0.1 asks for a tenth of a head's height."""
MASKS, POINTS, DEPTH = (
    SegmentationTask(len(CLASS_NAMES)),
    KeypointTask(len(KEYPOINT_NAMES), reference=HEAD),
    DepthTask(),
)
ALL = TaskSet(MASKS, POINTS, DEPTH)
ONLY_MASKS = TaskSet(MASKS)
PLAIN = {"balance": 0.0, "boundary_share": 0.0}

# Name: the tasks of a fit, and the options that differ from the defaults.
VARIANTS: dict[str, tuple[TaskSet, dict[str, Any]]] = {
    "masks, plain": (ONLY_MASKS, PLAIN),
    "masks, balance 0.25": (ONLY_MASKS, {**PLAIN, "balance": 0.25}),
    "masks, balance 0.5": (ONLY_MASKS, {**PLAIN, "balance": 0.5}),
    "masks, balance 1": (ONLY_MASKS, {**PLAIN, "balance": 1.0}),
    "masks, balance 0.5, boundaries": (ONLY_MASKS, {"balance": 0.5, "boundary_share": 0.25}),
    "masks, boundaries": (ONLY_MASKS, {"balance": 0.0, "boundary_share": 0.25}),
    "keypoints": (TaskSet(POINTS), {}),
    "keypoints, drawn around them": (TaskSet(POINTS), {"keypoint_share": 0.25}),
    "depth": (TaskSet(DEPTH), {}),
    "all": (ALL, {}),
    "all, paper": (ALL, {"kind": "paper"}),
    "all, taps from 16 px": (ALL, {"min_tap_px": 16}),
    "all, plain": (ALL, PLAIN),
    "all, set aside": (ALL, {"boundary_share": 0.25, "keypoint_share": 0.25}),
}


@dataclass(frozen=True)
class Portraits:
    """Inverted portraits with exact labels."""

    ws: Tensor
    labels: Labels

    @classmethod
    def read(cls, codes: CodeStore, split: str, draw: int, count: int) -> "Portraits":
        """Read the stratified set of a split."""
        seed = seed_of(split, draw)
        truth = list(render_many(seed, stratified_indices(seed, count)))
        points = torch.from_numpy(np.stack([each.keypoints for each in truth]))
        labels = Labels(
            label_px=codes.networks.generator.config.image_px,
            segmentation=torch.from_numpy(np.stack([each.mask for each in truth])).long(),
            keypoints=points,
            depth=torch.from_numpy(np.stack([each.depth for each in truth])),
        )
        return cls(codes.labelled(split, draw, count).ws, labels)


def main() -> None:
    """Run every variant for every number of labels. Print the summary as one line of JSON."""
    parsed = _parse()
    codes = CodeStore(parsed.folder, Networks.read(parsed.generator), inversion_options())
    heldout = Portraits.read(codes, "heldout", 0, parsed.heldout)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for count in parsed.labels:
        training = Portraits.read(codes, "labelled", parsed.draw, count)
        scores = results[str(count)] = {}
        for name in parsed.variants:
            tasks, changes = VARIANTS[name]
            options = replace(
                ensemble_options(num_members=parsed.members, steps=parsed.steps), **changes
            )
            fitted = _fit(codes.networks.generator, training, tasks, options)
            scores[name] = score(fitted, heldout)
            print(f"{count} labels, {name}: {scores[name]}", file=sys.stderr, flush=True)
    print(json.dumps({"benchmark": "tasks", **vars(parsed), "results": results}, default=str))


def _fit(
    generator: Generator, training: Portraits, tasks: TaskSet, options: EnsembleOptions
) -> LabelGenerator:
    began = time.process_time()
    ensemble = train_ensemble(
        generator, training.ws, training.labels, tasks=tasks, options=options, seed=0
    )
    print(f"{time.process_time() - began:.0f} CPU seconds", file=sys.stderr)
    return LabelGenerator(generator, ensemble)


def score(fitted: LabelGenerator, heldout: Portraits) -> dict[str, float]:
    """Return every metric of the fitted tasks that have labels."""
    truth = heldout.labels
    tasks = [task for task in fitted.ensemble.config.tasks if task.name in truth.by_task]
    scores = {task.name: task.score(truth.label_px) for task in tasks}
    for chosen in torch.arange(len(truth)).split(MICRO_BATCH):
        rendered = fitted.render(heldout.ws[chosen]).labels
        for name, one in scores.items():
            one.add(rendered[name], truth[name][chosen])
    values = {name: value for one in scores.values() for name, value in one.values().items()}
    if "iou" in values:
        by_class = zip(CLASS_NAMES, values["iou"], strict=True)
        values |= {f"iou {name}": value for name, value in by_class}
    return {name: round(float(value), 4) for name, value in values.items() if value.dim() == 0}


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.labels.tasks", __doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--heldout", type=int, default=64)
    parser.add_argument("--members", type=int, default=ensemble_options().num_members)
    parser.add_argument("--steps", type=int, default=ensemble_options().steps)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
