"""Heat maps to points between the pixels.

A Gaussian's logarithm is a paraboloid, so its centre follows from the curvature around the highest pixel (DARK, arXiv
1910.06278, equations 6 to 8). DARK takes derivatives from finite differences of a smoothed map; here the paraboloid is
fitted to a window by least squares, weighted by the heat itself, which smooths and differentiates in one step.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.arrays import FeatureMaps

MIN_HEAT = 1e-6
RIDGE = 1e-8
"""Keeps the fit solvable where all the heat of a window lies in one pixel."""

Points = Float[Tensor, "batch points 2"]
WindowValues = Float[Tensor, "batch points window"]


@dataclass(frozen=True)
class Window:
    """A square window for every heat map: around its highest pixel, or as near to that as the image's rim allows.

    `radius`: pixels beside the middle one. `peak`, `centre`: column and row of the highest pixel and of the window's
    middle. `reach`: the window's offsets (x, y) in pixels from its middle. `pixels`: its flat indices.
    """

    radius: int
    peak: Int[Tensor, "batch points 2"]
    centre: Int[Tensor, "batch points 2"]
    reach: Int[Tensor, "window 2"]
    pixels: Int[Tensor, "batch points window"]

    @classmethod
    def around(cls, heat: FeatureMaps, radius: int) -> "Window":
        """The radius is less in an image that is smaller than the window."""
        height, width = heat.shape[2:]
        radius = min(radius, (min(height, width) - 1) // 2)
        highest = heat.flatten(2).argmax(dim=2)
        peak = torch.stack([highest % width, highest // width], dim=-1)
        last = torch.tensor([width, height], device=heat.device) - 1 - radius
        centre = peak.clamp(min=radius).minimum(last)
        steps = torch.arange(-radius, radius + 1, device=heat.device)
        reach = torch.cartesian_prod(steps, steps)
        columns, rows = (centre[:, :, None] + reach).unbind(-1)
        return cls(radius, peak, centre, reach, rows * width + columns)

    def read(self, maps: FeatureMaps) -> WindowValues:
        """The maps' values in the windows."""
        return maps.flatten(2).gather(2, self.pixels)


def window_radius(sigma_px: float) -> int:
    """One deviation, at least one pixel: the part of the peak that its surroundings disturb least."""
    return max(round(sigma_px), 1)


def decode(heat: FeatureMaps, window: Window) -> Points:
    """X and y of every map's peak, in pixels whose first centre lies at (0.5, 0.5).

    Where the window holds no summit, the highest pixel's centre.
    """
    offset, is_summit = _summit(window.read(heat), window.reach / window.radius)
    # Half a pixel more than the window: a peak on the image's rim.
    is_summit &= offset.abs().amax(dim=-1) <= 1 + 0.5 / window.radius
    summit = window.centre + offset * window.radius
    return torch.where(is_summit[..., None], summit, window.peak).float() + 0.5


def _summit(
    heat: WindowValues, places: Float[Tensor, "window 2"]
) -> tuple[Float[Tensor, "batch points 2"], Bool[Tensor, "batch points"]]:
    """The extremum of log heat = c0 + c1 x + c2 y + c3 x^2 + c4 x y + c5 y^2, and whether it is a summit."""
    x, y = places.double().unbind(-1)
    terms = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], dim=-1)
    values = heat.double().clamp(min=MIN_HEAT)
    weights = values / values.sum(dim=-1, keepdim=True)
    left = torch.einsum("npw,wi,wj->npij", weights, terms, terms)
    right = torch.einsum("npw,wi->npi", weights * values.log(), terms)
    ridge = RIDGE * torch.eye(terms.shape[1], dtype=left.dtype, device=left.device)
    # The ridge keeps it solvable; to check that, an accelerator would have to be waited for.
    solution, _ = torch.linalg.solve_ex(left + ridge, right)
    _, c1, c2, c3, c4, c5 = solution.unbind(dim=-1)
    determinant = 4 * c3 * c5 - c4 * c4
    extremum = torch.stack([c4 * c2 - 2 * c5 * c1, c4 * c1 - 2 * c3 * c2], dim=-1)
    return extremum / determinant[..., None], (c3 < 0) & (determinant > 0)
