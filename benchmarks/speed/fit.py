"""`python -m benchmarks.speed.fit`: measure time and memory of the stages of a fit.

Weights are random. Each figure comes from a new process on one thread; memory excludes that of a process which
synthesises one image. The ensemble runs for the steps that share one pass over the images, and its time is scaled to a
whole fit. The inversion runs two steps on one image and on two. The last line is JSON, keyed by resolution.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence

import torch

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.speed.label_head import CHANNELS, random_generator
from benchmarks.speed.memory import own_peak_bytes
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.labels.ensemble import EnsembleKind
from models.labels.training import train_ensemble
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

NUM_CLASSES = 19
STEPS = 80
"""Steps of the ensemble: eight rounds of ten members, which share 0.5 GB of hypercolumns from 256 px on."""
INVERSION_STEPS = 2
STAGES = ("generator", "inversion", "ensemble")


def main() -> None:
    """Measure every requested size. As a child process, run one stage once and print its seconds and bytes."""
    parsed = _parse()
    torch.set_num_threads(1)
    if parsed.only:
        began = time.process_time()
        _run(parsed.only, parsed.px[0], parsed.labels[0], parsed.kind)
        print(json.dumps({"seconds": time.process_time() - began, "bytes": own_peak_bytes()}))
        return
    results = {str(px): _measure(px, parsed.labels, parsed.kind) for px in parsed.px}
    print(json.dumps(results))


def _measure(px: int, labels: Sequence[int], kind: EnsembleKind) -> dict[str, object]:
    alone = _child("generator", px, 1, kind)
    # Runs on one and on two images separate the cost of an image from the fixed cost.
    one, two = (_child("inversion", px, count, kind) for count in (1, 2))
    figures: dict[str, object] = {
        "tap_bytes": random_generator(px).layout.tap_bytes,
        "generator_seconds": round(alone["seconds"], 2),
        "inversion_seconds_per_image_step": round(
            (two["seconds"] - one["seconds"]) / INVERSION_STEPS, 2
        ),
        "inversion_peak_bytes": {
            "1": round(one["bytes"] - alone["bytes"]),
            "2": round(two["bytes"] - alone["bytes"]),
        },
    }
    scale = ensemble_options().steps / STEPS
    for count in labels:
        stage = _child("ensemble", px, count, kind)
        figures[f"ensemble_{count}"] = {
            "fit_seconds": round((stage["seconds"] - alone["seconds"]) * scale),
            "peak_bytes": round(stage["bytes"] - alone["bytes"]),
        }
    print(f"{px} px: {figures}", file=sys.stderr)
    return figures


def _child(stage: str, px: int, labels: int, kind: EnsembleKind) -> dict[str, float]:
    """Return processor seconds and peak resident bytes of a new process that runs one stage."""
    arguments = ["--only", stage, "--px", str(px), "--labels", str(labels), "--kind", kind]
    command = [sys.executable, "-m", "benchmarks.speed.fit", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _run(stage: str, px: int, count: int, kind: EnsembleKind) -> None:
    generator = random_generator(px)
    ws = generator.map(torch.randn(count, generator.config.z_dim))
    if stage == "generator":
        generator.synthesize(ws)
    elif stage == "inversion":
        images = torch.rand(count, 3, px, px) * 2 - 1
        options = inversion_options(steps=INVERSION_STEPS, micro_batch=count)
        invert(Tools.of(generator), images, options)
    else:
        masks = torch.randint(0, NUM_CLASSES, (count, px, px), dtype=torch.uint8)
        train_ensemble(
            generator,
            ws,
            Labels(label_px=(px, px), segmentation=masks),
            tasks=TaskSet(SegmentationTask(NUM_CLASSES)),
            options=ensemble_options(steps=STEPS, kind=kind),
            seed=0,
        )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.fit", description=__doc__)
    parser.add_argument("--px", type=int, nargs="+", choices=list(CHANNELS), default=[64, 256])
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--kind", choices=("compact", "paper"), default="paper")
    parser.add_argument("--only", choices=STAGES, help="run this stage once and print its cost")
    return parser.parse_args()


if __name__ == "__main__":
    main()
