"""`python -m benchmarks.answer`: samples that a training needs from a stream that answers, against a plain stream.

On the built-in portraits: a fit, and for each seed two trainings of a small U-Net that differ in the stream alone.
Scored is the mIoU on held-out portraits with exact labels; of them a quarter wears glasses and a quarter a hat, because
with their natural shares of 5% and 3% the IoU of these classes would rest on a few images. The number of samples at
which the stream that answers reaches the final score of the plain one is the result. The last line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from benchmarks.answer.loop import Loop, LoopOptions, Point
from benchmarks.downstream.domain import Domain
from benchmarks.downstream.networks import Networks
from benchmarks.downstream.real_data import Portraits
from benchmarks.longtail.data import LongTail
from benchmarks.options import BUILTIN
from benchmarks.targets.sampling import Pilot, Sampler
from examples.portraits.classes import CLASS_NAMES, Part
from handsoff_shards.labels import Labels
from models.downstream.pairs import Pairs
from models.generators.stylegan2.generator import Generator
from models.targets.steering import class_slopes
from models.tasks.task_set import Labels as TaskLabels

GOAL = 0.5
FINAL_POINTS = 3
"""The final score is the mean of this many points: one is noisy."""


def main(arguments: Sequence[str]) -> int:
    """Train all pairs; print the curves to stderr and the result as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    if not (options.generator / "inverter.json").exists():
        reason = f"no generator in {options.generator}"
        print(json.dumps({"benchmark": "answer", "skipped": reason}))
        return 0
    print(json.dumps(_measure(options)))
    return 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    domain = Domain(Portraits(options.heldout, 0), Networks.read(options.generator), options.folder)
    fitted, generator = domain.fit(0, options.labels), domain.networks.renderer
    assert isinstance(generator, Generator)
    _note("fit trained")
    kept = domain.kept(
        f"answer-pilot-{options.labels}-{options.pilot}",
        lambda: vars(Sampler(fitted, generator, len(CLASS_NAMES), 0).pilot(options.pilot)),
    )
    pilot = Pilot(**kept)
    _note("pilot measured")
    loop = LoopOptions(
        shards=options.shards, shard=options.shard, steps=options.steps, strength=options.strength
    )
    rows = []
    for seed in range(1, options.seeds + 1):
        arms: dict[str, list[Point]] = {}
        for arm in ("plain", "answered"):
            slopes = class_slopes(pilot.vectors, pilot.shares) if arm == "answered" else None
            sampler = Sampler(fitted, generator, len(CLASS_NAMES), seed)
            training = Loop(sampler, Labels(CLASS_NAMES), _heldout(options.heldout), loop, slopes)
            arms[arm] = list(training.run())
            _note(f"seed {seed} {arm}: " + " ".join(f"{one.miou:.3f}" for one in arms[arm]))
        rows.append(_row(seed, arms["plain"], arms["answered"]))
    return {
        "benchmark": "answer",
        "labels": options.labels,
        "strength": options.strength,
    } | summary(rows)


def _row(seed: int, plain: Sequence[Point], answered: Sequence[Point]) -> dict[str, Any]:
    final = fmean(one.miou for one in plain[-FINAL_POINTS:])
    rare = {part.name.lower(): part for part in (Part.GLASSES, Part.HAT)}
    return {
        "seed": seed,
        "plain": round(final, 4),
        "answered": round(fmean(one.miou for one in answered[-FINAL_POINTS:]), 4),
        "samples": plain[-1].num_samples,
        "needed": samples_needed(answered, final),
        **{
            name: [round(float(arm[-1].iou[part]), 3) for arm in (plain, answered)]
            for name, part in rare.items()
        },
        **{
            f"{name}_images": [round(float(arm[-1].presence[part]), 3) for arm in (plain, answered)]
            for name, part in rare.items()
        },
    }


def samples_needed(curve: Sequence[Point], score: float) -> int | None:
    """Return the samples from which the curve, as a mean of two points, has the score; None if it never has."""
    for before, point in pairwise(curve):
        if fmean((before.miou, point.miou)) >= score:
            return point.num_samples
    return None


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the rows, and the mean share of the plain stream's samples; a seed that never got there has none."""
    shares = [row["needed"] / row["samples"] for row in rows if row["needed"] is not None]
    is_complete = len(shares) == len(rows)
    ratio = round(fmean(shares), 3) if is_complete else None
    return {
        "rows": list(rows),
        "share_of_samples": ratio,
        "goal": GOAL,
        "meets_goal": ratio is not None and ratio <= GOAL,
    }


def _heldout(count: int) -> Pairs:
    """Return held-out portraits: half of the first half wears glasses, half of the second half a hat."""
    halves = [LongTail(part, 0.0, count // 2).heldout for part in (Part.GLASSES, Part.HAT)]
    masks = torch.cat([one.labels["segmentation"] for one in halves])
    labels = TaskLabels((masks.shape[1], masks.shape[2]), segmentation=masks)
    return Pairs.of(torch.cat([one.images for one in halves]), labels)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answer", description=__doc__)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/answer"))
    parser.add_argument("--labels", type=int, default=50, help="labelled images of the fit")
    parser.add_argument("--pilot", type=int, default=2_000, help="samples of the pilot")
    parser.add_argument("--seeds", type=int, default=3, help="pairs of trainings")
    parser.add_argument("--shards", type=int, default=48, help="shards of each training")
    parser.add_argument("--shard", type=int, default=16, help="samples of a shard")
    parser.add_argument("--steps", type=int, default=40, help="training steps after each shard")
    parser.add_argument("--strength", type=float, default=3.0, help="of the steering")
    parser.add_argument("--heldout", type=int, default=400, help="held-out portraits")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
