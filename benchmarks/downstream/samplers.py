"""`python -m benchmarks.downstream.samplers`: how near do the samples of a diffusion model come to its real images?

The same network and the same noise with each sampler: the standard deviation of the pixels, the mean difference of
neighbours, FD-R to unlabelled real images, and CPU seconds. Two halves of the real images show what is reachable.
The last line is JSON.
"""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.downstream.domain import Domain, sample
from benchmarks.downstream.options import downstream_parser, open_domains
from models.adversarial.frechet import frechet_distance, random_features
from models.generators.diffusion.generator import DiffusionGenerator, build_generator
from models.generators.stylegan2.config import DiscriminatorConfig

FEATURES = (32, 64, 64, 64, 64)
"""The channels of the network for FD-R, from the lowest resolution up."""
VARIANTS = (("ddim", 20), ("ddim", 50), ("dpm++", 8), ("dpm++", 12), ("dpm++", 20))


def main(arguments: Sequence[str]) -> int:
    """Print a line for each sampler in each domain, and everything as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    results: dict[str, Any] = {"benchmark": "samplers"}
    for domain in open_domains(options):
        results[domain.name] = _measure(domain, options.synthetic)
    print(json.dumps(results))
    return 0


def _measure(domain: Domain, count: int) -> dict[str, dict[str, float]]:
    real = domain.data.unlabelled(2 * count).float() / 127.5 - 1.0
    first, second = real.chunk(2)
    rows = {"real images": {**_figures(first, second), "cpu_s": 0.0}}
    for sampler, steps in VARIANTS:
        generator = with_sampler(domain.networks.renderer, sampler, steps)
        began = time.process_time()
        images = sample(generator, count)  # codes of a diffusion model are its images
        seconds = (time.process_time() - began) / count
        rows[f"{sampler}, {steps}"] = {**_figures(images, second), "cpu_s": round(seconds, 3)}
    for name, row in rows.items():
        print(f"{domain.name}, {name}: {row}", file=sys.stderr, flush=True)
    return rows


def with_sampler(generator: object, sampler: str, steps: int) -> DiffusionGenerator:
    """Return the same network with another sampler. Raises `TypeError` for one that is no diffusion model."""
    if not isinstance(generator, DiffusionGenerator):
        raise TypeError(f"expected a diffusion model, got {type(generator).__name__}")
    config = replace(generator.config, sampler=sampler, sampling_steps=steps)
    copy = build_generator(config.to_dict(), generator.state_dict())
    return copy.lower_precision(generator.precision)


def _figures(images: Tensor, real: Tensor) -> dict[str, float]:
    config = DiscriminatorConfig(channels=FEATURES)
    features = [random_features(each, config) for each in (images, real)]
    return {
        "std": round(float(images.std()), 4),
        "edges": round(float((images[..., 1:] - images[..., :-1]).abs().mean()), 4),
        "fd_r": round(frechet_distance(*features), 3),
    }


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = downstream_parser("benchmarks.downstream.samplers", __doc__)
    parser.add_argument("--synthetic", type=int, default=500, help="samples of each sampler")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
