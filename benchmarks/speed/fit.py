"""`python -m benchmarks.speed.fit`: measure time and memory of the stages of a fit.

Weights are random. Each figure comes from a new process on one thread; memory excludes that of a process which
synthesises one image. The ensemble runs for the steps that share one pass over the images, and its time is scaled to a
whole fit. The inversion runs a few steps on two numbers of images: their difference is the cost of an image. On an
accelerator all stages run in one process, after a warm-up; times are wall times, and memory is the accelerator's. The
last line is JSON, keyed by resolution.
"""

import argparse
import json
import subprocess
import sys
import time

import torch

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.speed.label_head import CHANNELS, random_generator
from benchmarks.speed.memory import own_peak_bytes
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.labels.training import train_ensemble
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

NUM_CLASSES = 19
STEPS = 80
"""Steps of the ensemble: eight rounds of ten members, which share 0.5 GB of hypercolumns from 256 px on."""
STAGES = ("generator", "inversion", "ensemble")


def main() -> None:
    """Measure every requested size. As a child process, run one stage once and print its seconds and bytes."""
    parsed = _parse()
    torch.set_num_threads(1)
    if parsed.only:
        print(json.dumps(_cost(parsed.only, parsed.px[0], parsed.labels[0], parsed)))
        return
    results = {str(px): _measure(px, parsed) for px in parsed.px}
    print(json.dumps(results))


def _cost(stage: str, px: int, count: int, parsed: argparse.Namespace) -> dict[str, float]:
    """Run a stage. Return its seconds, and peak bytes: of this process, or of the stage on an accelerator."""
    if parsed.device == "cpu":
        began = time.process_time()
        _run(stage, px, count, parsed)
        return {"seconds": time.process_time() - began, "bytes": own_peak_bytes()}
    torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    _run(stage, px, count, parsed)
    torch.accelerator.synchronize()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "bytes": torch.cuda.max_memory_allocated()}


def _measure(px: int, parsed: argparse.Namespace) -> dict[str, object]:
    measure = _cost if parsed.same_process or parsed.device != "cpu" else _child
    few, many = parsed.inversion_images
    if parsed.device != "cpu":  # the first call also chooses kernels and reserves memory
        measure("inversion", px, few, parsed)
    alone = measure("generator", px, 1, parsed)
    # Runs on fewer and on more images separate the cost of an image from the fixed cost.
    one, two = (measure("inversion", px, count, parsed) for count in (few, many))
    image_steps = (many - few) * parsed.inversion_steps
    per_image_step = (two["seconds"] - one["seconds"]) / image_steps
    figures: dict[str, object] = {
        "tap_bytes": random_generator(px).layout.tap_bytes,
        "generator_seconds": round(alone["seconds"], 2),
        "inversion_seconds_per_image_step": float(f"{per_image_step:.3g}"),
        "inversion_peak_bytes": {
            str(few): round(one["bytes"] - alone["bytes"]),
            str(many): round(two["bytes"] - alone["bytes"]),
        },
    }
    scale = ensemble_options().steps / parsed.ensemble_steps
    for count in parsed.labels:
        stage = measure("ensemble", px, count, parsed)
        fit_seconds = (stage["seconds"] - alone["seconds"]) * scale
        invert_seconds = per_image_step * inversion_options().steps * count
        figures[f"ensemble_{count}"] = {
            "fit_seconds": round(fit_seconds),
            "with_inversion_seconds": round(fit_seconds + invert_seconds),
            "peak_bytes": round(stage["bytes"] - alone["bytes"]),
        }
    print(f"{px} px: {figures}", file=sys.stderr)
    return figures


def _child(stage: str, px: int, labels: int, parsed: argparse.Namespace) -> dict[str, float]:
    """Return seconds and peak bytes of a new process that runs one stage."""
    arguments = ["--only", stage, "--px", str(px), "--labels", str(labels)]
    for name in ("kind", "device", "inversion_steps", "ensemble_steps"):
        arguments += [f"--{name.replace('_', '-')}", str(getattr(parsed, name))]
    command = [sys.executable, "-m", "benchmarks.speed.fit", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _run(stage: str, px: int, count: int, parsed: argparse.Namespace) -> None:
    device = torch.device(parsed.device)
    generator = random_generator(px).to(device)
    ws = generator.map(torch.randn(count, generator.config.z_dim).to(device))
    if stage == "generator":
        generator.synthesize(ws)
    elif stage == "inversion":
        images = torch.rand(count, 3, px, px).to(device) * 2 - 1
        options = inversion_options(steps=parsed.inversion_steps, micro_batch=count)
        invert(Tools.of(generator), images, options)
    else:
        masks = torch.randint(0, NUM_CLASSES, (count, px, px), dtype=torch.uint8)
        train_ensemble(
            generator,
            ws,
            Labels(label_px=(px, px), segmentation=masks),
            tasks=TaskSet(SegmentationTask(NUM_CLASSES)),
            options=ensemble_options(steps=parsed.ensemble_steps, kind=parsed.kind),
            seed=0,
        )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.fit", description=__doc__)
    parser.add_argument("--px", type=int, nargs="+", choices=list(CHANNELS), default=[64, 256])
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--kind", choices=("compact", "paper"), default="paper")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--inversion-images", type=int, nargs=2, default=[1, 2], help="two numbers of images"
    )
    parser.add_argument("--inversion-steps", type=int, default=2)
    parser.add_argument("--ensemble-steps", type=int, default=STEPS)
    parser.add_argument(
        "--same-process",
        action="store_true",
        help="run all stages in this process: faster, but the memory on a CPU is that of all stages",
    )
    parser.add_argument("--only", choices=STAGES, help="run this stage once and print its cost")
    return parser.parse_args()


if __name__ == "__main__":
    main()
