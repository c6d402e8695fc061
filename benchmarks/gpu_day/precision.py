"""`python -m benchmarks.gpu_day.precision`: speed and agreement of bfloat16 against float32 on one device.

Speed: images, and pairs with compact labels, of a generator with random weights; rounds of both precisions alternate.
Agreement: images and labels of `portraits-64` with an ensemble that is fitted on this device. The last line is JSON.
"""

import argparse
import json
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import Networks
from benchmarks.labels.precision import SAMPLE_SEED, compare, image_psnr_db
from benchmarks.options import BUILTIN
from benchmarks.segmenter.network import to_input
from benchmarks.segmenter.renderings import render_pairs
from benchmarks.speed.label_head import CHANNELS, Setting, methods_of, seconds_of
from examples.portraits.classes import CLASS_NAMES
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.labels.training import train_ensemble
from models.sampling import Candidate, latents
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

PRECISIONS = ("float32", "bfloat16")
METHODS = ("generator", "pairs")


def main() -> None:
    """Measure both and print one line of JSON."""
    options = _parse()
    figures = {"images_per_second": _speed(options), "agreement": _agreement(options)}
    print(json.dumps(figures))


def _speed(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return images per second by method and precision, and the median ratio of a round."""
    calls: dict[tuple[str, str], Callable[[], object]] = {}
    for precision in PRECISIONS:
        size = options.batch
        methods = methods_of(Setting(options.px, precision, options.device, size, size))
        calls |= {(name, precision): methods[name] for name in METHODS}
    rounds = [
        {key: seconds_of(call, options.device) for key, call in calls.items()}
        for _ in range(options.rounds + 1)
    ][1:]  # the first round warms up
    rates = {}
    for name in METHODS:
        rates[name] = {
            precision: float(f"{options.batch / median(r[name, precision] for r in rounds):.3g}")
            for precision in PRECISIONS
        }
        ratio = median(r[name, "float32"] / r[name, "bfloat16"] for r in rounds)
        rates[name]["bfloat16_over_float32"] = round(ratio, 2)
    return rates


def _agreement(options: argparse.Namespace) -> dict[str, Any]:
    """Fit on portraits on the device, and compare the labels of new samples in both precisions."""
    device = torch.device(options.device)
    networks = Networks.read(BUILTIN)
    generator = networks.generator.to(device)
    seed = seed_of("labelled", 0)
    pairs = render_pairs(seed, stratified_indices(seed, options.labels))
    networks.distance.discriminator.to(device)
    tools = Tools.of(generator, networks.encoder.to(device), networks.distance)
    inversion = invert(
        tools, to_input(pairs.images).to(device), inversion_options(**_steps(options))
    )
    ensemble = train_ensemble(
        generator,
        inversion.codes,
        Labels(
            label_px=generator.config.image_px,
            segmentation=torch.from_numpy(pairs.masks).long(),
        ),
        tasks=TaskSet(SegmentationTask(len(CLASS_NAMES))),
        options=ensemble_options(**_steps(options)),
        seed=0,
    )
    candidates = [Candidate(index) for index in range(options.samples)]
    z = latents(SAMPLE_SEED, candidates, generator.config.z_dim).to(device)
    ws = generator.map(z)
    return {
        "reconstruction_psnr_db": round(float(inversion.psnr_db.mean()), 2),
        "image_psnr_db": round(image_psnr_db(generator, ws), 2),
        **compare(generator, ensemble, ws),
    }


def _steps(options: argparse.Namespace) -> dict[str, int]:
    return {"steps": options.steps} if options.steps else {}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_day.precision", description=__doc__
    )
    parser.add_argument("--px", type=int, choices=list(CHANNELS), default=1024)
    parser.add_argument("--batch", type=int, default=8, help="images per call")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--labels", type=int, default=16)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument(
        "--steps", type=int, help="of inversion and ensemble (default: those of fits)"
    )
    parser.add_argument("--device", default="cuda", help="cpu or cuda")
    return parser.parse_args()


if __name__ == "__main__":
    main()
