"""Inversion that also optimises the generator's noise maps, an option of the paper's code. For comparison only.

The service keeps noise fixed: labels are read from the codes, and the codes lack the details that a noise map absorbs.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from models.arrays import Images, StyleCodes
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.invert import Tools, start_codes
from models.generators.stylegan2.inversion.refinement import InversionOptions, ramp_down, ramp_up
from models.inversion.inverter import Inversion
from models.inversion.psnr import psnr_db

SMALLEST_PX = 8
REGULARISER_WEIGHT = 1e-3
"""Penalty on correlations, in units of the correlation expected of noise. The published 1e5 suits only 1024 px."""


class _Synthesizer(nn.Module):
    """Wraps synthesis so that `functional_call` can replace the noise maps."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, ws: StyleCodes) -> Images:
        return self.generator.synthesize(ws).images


def invert_with_noise(tools: Tools, images: Images, options: InversionOptions) -> Inversion:
    """Optimise codes together with noise maps. Reconstructions use the maps; the features for labels do not.

    Images are inverted one at a time, because a generator shares one set of maps over a batch.
    """
    parts = [_refine(tools, image, options) for image in images.split(1)]
    reconstructions = torch.cat([part[1] for part in parts])
    steps = torch.full((len(images),), options.steps)
    ws = torch.cat([part[0] for part in parts])
    return Inversion(ws, reconstructions, psnr_db(reconstructions, images), steps)


def _refine(tools: Tools, image: Images, options: InversionOptions) -> tuple[Tensor, Tensor]:
    synthesizer = _Synthesizer(tools.generator)
    ws = start_codes(tools, image).requires_grad_(True)
    maps = {
        name: value.clone().requires_grad_(True)
        for name, value in synthesizer.named_buffers()
        if name.endswith("noise_const")
    }
    optimizer = torch.optim.Adam([ws, *maps.values()], lr=options.learning_rate)
    for step in range(1, options.steps + 1):
        rate = ramp_up(step / options.steps) * ramp_down(torch.tensor(1.0 - step / options.steps))
        optimizer.param_groups[0]["lr"] = options.learning_rate * float(rate)
        reconstruction = functional_call(synthesizer, maps, (ws,))
        losses = options.pixel_weight * (reconstruction - image).square().mean(dim=(1, 2, 3))
        losses = losses + options.prior_weight * tools.prior.distance(ws)
        regulariser = sum((_pattern(value) for value in maps.values()), start=torch.zeros(()))
        optimizer.zero_grad()
        (losses.sum() + REGULARISER_WEIGHT * regulariser).backward()
        optimizer.step()
        _normalise(maps)
    with torch.no_grad():
        return ws.detach(), functional_call(synthesizer, maps, (ws,))


def _pattern(noise: Tensor) -> Tensor:
    """Return the correlation with neighbours, summed over scales (arXiv 1912.04958, appendix D)."""
    total = torch.zeros(())
    while True:
        for dim in (0, 1):
            correlation = (noise * noise.roll(1, dim)).mean()
            total = total + correlation.square() * noise.numel()
        if min(noise.shape) <= SMALLEST_PX:
            return total
        noise = nn.functional.avg_pool2d(noise[None], 2)[0] * 2.0


@torch.no_grad()
def _normalise(maps: dict[str, Tensor]) -> None:
    for noise in maps.values():
        noise.sub_(noise.mean())
        noise.mul_(noise.square().mean().clamp(min=1e-8).rsqrt())
