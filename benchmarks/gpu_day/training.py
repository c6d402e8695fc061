"""`python -m benchmarks.gpu_day.training`: real images per second of a training step, for both generator families.

The images are random numbers. Steps before the measured ones choose kernels and reserve memory. The last line is JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from models.adversarial.gan_training import AdversarialTraining
from models.adversarial.options import AdversarialOptions
from models.generators.diffusion.default_config import default_config
from models.generators.diffusion.training import DiffusionTraining, DiffusionTrainingOptions
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.training import GeneratorTraining

R1_INTERVAL = AdversarialOptions().r1_interval


@dataclass(frozen=True)
class Case:
    """A network to train: its name, size and batch, and a function that builds it on a device."""

    name: str
    px: int
    batch: int
    build: Callable[[torch.device], GeneratorTraining]


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
    training = case.build(device)
    # Whole R1 intervals, because one step in 16 costs more.
    num_steps = 2 if options.tiny else options.intervals * R1_INTERVAL
    torch.manual_seed(0)
    reals = torch.rand(case.batch, 3, case.px, case.px, device=device) * 2 - 1
    for _ in range(1 if options.tiny else R1_INTERVAL):
        training.step(reals)
    _synchronize(device)
    began = time.perf_counter()
    for _ in range(num_steps):
        training.step(reals)
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
    """Yield the networks of the built-in generators, then those of 256 px: config-f and the large UNet."""
    if tiny:
        yield Case("stylegan2-16", 16, 2, lambda device: _stylegan2((8, 8, 8), 8, 1, device))
        yield Case("diffusion-16", 16, 2, lambda device: _diffusion(16, device, large=False))
        return
    small, large = (128, 128, 96, 48, 16), (512, 512, 512, 512, 512, 256, 128)
    yield Case("stylegan2-64", 64, 64, lambda device: _stylegan2(small, 128, 4, device))
    yield Case("diffusion-64", 64, 256, lambda device: _diffusion(64, device, large=False))
    # 32 images at 256 px: 48 steps took more than two minutes on an H100.
    yield Case("stylegan2-256", 256, 16, lambda device: _stylegan2(large, 512, 8, device))
    yield Case("diffusion-256", 256, 16, lambda device: _diffusion(256, device, large=True))


def _stylegan2(
    channels: tuple[int, ...], w_dim: int, depth: int, device: torch.device
) -> AdversarialTraining:
    generator = GeneratorConfig(
        z_dim=w_dim, w_dim=w_dim, channels=channels, num_mapping_layers=depth
    )
    discriminator = DiscriminatorConfig(channels=channels)
    return AdversarialTraining(generator, discriminator, AdversarialOptions(), device)


def _diffusion(px: int, device: torch.device, *, large: bool) -> DiffusionTraining:
    options = DiffusionTrainingOptions(bfloat16=device.type == "cuda")
    return DiffusionTraining(default_config((px, px), large=large), options, device)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_day.training", description=__doc__
    )
    parser.add_argument(
        "--intervals", type=int, default=1, help="measured steps, in intervals of 16"
    )
    parser.add_argument("--tiny", action="store_true", help="16 px and 2 steps")
    parser.add_argument("--device", default="cuda", help="cpu or cuda")
    return parser.parse_args()


if __name__ == "__main__":
    main()
