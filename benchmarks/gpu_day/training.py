"""`python -m benchmarks.gpu_day.training`: real images per second of a training step, for both generator families.

The images are random numbers. Steps before the measured ones choose kernels and reserve memory. If this version has no
diffusion training, that is reported as skipped. The last line is JSON.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from models.adversarial.training import AdversarialOptions, start, training_step
from models.arrays import Images
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig

Step = Callable[[Images], object]

R1_INTERVAL = AdversarialOptions().r1_interval


@dataclass(frozen=True)
class Case:
    """A network to train: its name, size and batch, and a function that builds it on a device."""

    name: str
    px: int
    batch: int
    build: Callable[[torch.device], Step]


def main() -> None:
    """Measure every case and print one line of JSON."""
    options = _parse()
    device = torch.device(options.device)
    figures = {}
    for case in _cases(tiny=options.tiny):
        figures[case.name] = _measure(case, device, options)
        print(f"{case.name}: {figures[case.name]}", file=sys.stderr, flush=True)
    print(json.dumps(figures))


def _measure(case: Case, device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    try:
        step = case.build(device)
    except ModuleNotFoundError as error:
        return {"skipped": f"this version has no {error.name}"}
    # Whole R1 intervals, because one step in 16 costs more.
    num_steps = 2 if options.tiny else options.intervals * R1_INTERVAL
    torch.manual_seed(0)
    reals = torch.rand(case.batch, 3, case.px, case.px, device=device) * 2 - 1
    for _ in range(1 if options.tiny else R1_INTERVAL):
        step(reals)
    _synchronize(device)
    began = time.perf_counter()
    for _ in range(num_steps):
        step(reals)
    _synchronize(device)
    seconds = time.perf_counter() - began
    figures = {"px": case.px, "batch": case.batch}
    if device.type == "cuda":
        figures["peak_bytes"] = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    return figures | {"images_per_second": float(f"{num_steps * case.batch / seconds:.3g}")}


def _synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


def _cases(*, tiny: bool) -> Iterator[Case]:
    """Yield StyleGAN2 with the sizes of the built-in generator and of config-f, then UNets of two sizes."""
    if tiny:
        yield Case("stylegan2-16", 16, 2, lambda device: _stylegan2((8, 8, 8), 8, 1, device))
        yield Case("diffusion-16", 16, 2, lambda device: _diffusion(16, device, large=False))
        return
    small, large = (128, 128, 96, 48, 16), (512, 512, 512, 512, 512, 256, 128)
    yield Case("stylegan2-64", 64, 64, lambda device: _stylegan2(small, 128, 4, device))
    yield Case("stylegan2-256", 256, 32, lambda device: _stylegan2(large, 512, 8, device))
    yield Case("diffusion-64", 64, 128, lambda device: _diffusion(64, device, large=True))
    yield Case("diffusion-256", 256, 16, lambda device: _diffusion(256, device, large=True))


def _stylegan2(channels: tuple[int, ...], w_dim: int, depth: int, device: torch.device) -> Step:
    options = AdversarialOptions()
    generator = GeneratorConfig(
        z_dim=w_dim, w_dim=w_dim, channels=channels, num_mapping_layers=depth
    )
    state = start(generator, DiscriminatorConfig(channels=channels), options, device)
    return lambda reals: training_step(state, reals, options)


def _diffusion(px: int, device: torch.device, *, large: bool) -> Step:
    # By name: the training may be missing, and the benchmark then measures the other family only.
    training = importlib.import_module("models.generators.diffusion.training")
    sizes = importlib.import_module("models.generators.diffusion.default_config")
    options = training.DiffusionTrainingOptions(bfloat16=device.type == "cuda")
    config = sizes.default_config((px, px), large=large)
    step: Step = training.DiffusionTraining(config, options, device).step
    return step


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_day.training", description=__doc__
    )
    parser.add_argument(
        "--intervals", type=int, default=3, help="measured steps, in intervals of 16"
    )
    parser.add_argument("--tiny", action="store_true", help="16 px and 2 steps")
    parser.add_argument("--device", default="cuda", help="cpu or cuda")
    return parser.parse_args()


if __name__ == "__main__":
    main()
