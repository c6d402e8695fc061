"""Heat maps: points to Gaussians for training, and heat maps back to points between the pixels.

The logarithm of a Gaussian is a paraboloid, so the center follows from the curvature at the highest pixel (DARK, arXiv
1910.06278). DARK takes derivatives from finite differences of a smoothed map. Here the paraboloid is fitted to a window
by least squares, weighted by the heat: that smooths and differentiates in one step.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.arrays import FeatureMaps, Keypoints

MIN_HEAT = 1e-6  # heat below this has no usable logarithm
RIDGE = 1e-8  # keeps the fit solvable where one pixel holds all the heat of a window

# x and y in pixels of the label
Points = Float[Tensor, "batch points 2"]
WindowValues = Float[Tensor, "batch points window"]


@dataclass(frozen=True)
class Window:
    """A square window for every heat map: around its highest pixel, or as near to it as the border of the image allows.

    `radius`: pixels beside the middle one. `peak`, `center`: column and row of the highest pixel and of the window's
    middle. `offsets`: (x, y) in pixels from the middle. `pixels`: flat indices.
    """

    radius: int
    peak: Int[Tensor, "batch points 2"]
    center: Int[Tensor, "batch points 2"]
    offsets: Int[Tensor, "window 2"]
    pixels: Int[Tensor, "batch points window"]

    @classmethod
    def around(cls, heat: FeatureMaps, radius: int) -> "Window":
        """Return the windows of these maps. An image smaller than the window gets a smaller radius."""
        height, width = heat.shape[2:]
        radius = min(radius, (min(height, width) - 1) // 2)
        highest = heat.flatten(2).argmax(dim=2)  # [batch, points], row by row
        peak = torch.stack([highest % width, highest // width], dim=-1)
        # The middle keeps the whole window inside: radius <= center <= size - 1 - radius.
        last = torch.tensor([width, height], device=heat.device) - 1 - radius
        center = peak.clamp(min=radius).minimum(last)
        steps = torch.arange(-radius, radius + 1, device=heat.device)
        offsets = torch.cartesian_prod(steps, steps)
        # [batch, points, 1, 2] + [window, 2] => [batch, points, window, 2]
        columns, rows = (center[:, :, None] + offsets).unbind(-1)
        return cls(radius, peak, center, offsets, rows * width + columns)

    def read(self, maps: FeatureMaps) -> WindowValues:
        """Return the values of the maps in the windows."""
        # [batch, points, h w] => [batch, points, window]
        return maps.flatten(2).gather(2, self.pixels)


def window_radius(sigma_px: float) -> int:
    """Return one standard deviation, at least one pixel: there the surroundings disturb the peak least."""
    return max(round(sigma_px), 1)


def decode(heat: FeatureMaps, window: Window) -> Points:
    """Return x and y of every map's peak in pixels; the first pixel's center is (0.5, 0.5).

    A window without a summit gives the center of the highest pixel.
    """
    # In radii; without a summit (a flat window, a saddle) the highest pixel is the best guess.
    offset, is_summit = _summit(window.read(heat), window.offsets / window.radius)
    # Half a pixel beyond the window: a peak on the border of the image.
    is_summit &= offset.abs().amax(dim=-1) <= 1 + 0.5 / window.radius
    summit = window.center + offset * window.radius
    return torch.where(is_summit[..., None], summit, window.peak).float() + 0.5


def _summit(
    heat: WindowValues, places: Float[Tensor, "window 2"]
) -> tuple[Float[Tensor, "batch points 2"], Bool[Tensor, "batch points"]]:
    """Return the extremum of log heat = c0 + c1 x + c2 y + c3 x^2 + c4 x y + c5 y^2, and whether it is a summit.

    Its gradient is zero where 2 c3 x + c4 y = -c1 and c4 x + 2 c5 y = -c2 (as in DARK: -H^-1 times the gradient).
    """
    # Offsets are in radii, so all terms lie in [-1, 1] and the normal equations stay well scaled.
    x, y = places.double().unbind(-1)
    terms = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], dim=-1)
    # Double precision: the normal equations square the condition number of the terms.
    values = heat.double().clamp(min=MIN_HEAT)
    # Weighted by the heat: log heat of the tails is mostly noise.
    weights = values / values.sum(dim=-1, keepdim=True)
    # Normal equations A^T W A c = A^T W log h for six coefficients, batched over [batch, points].
    left = torch.einsum("npw,wi,wj->npij", weights, terms, terms)
    right = torch.einsum("npw,wi->npi", weights * values.log(), terms)
    ridge = RIDGE * torch.eye(terms.shape[1], dtype=left.dtype, device=left.device)
    # `solve_ex` skips the check that would make the CPU wait for the device; the ridge keeps it solvable.
    solution, _ = torch.linalg.solve_ex(left + ridge, right)
    _, c1, c2, c3, c4, c5 = solution.unbind(dim=-1)
    # Hessian [[2 c3, c4], [c4, 2 c5]]: a maximum if negative definite, so c3 < 0 and determinant > 0.
    determinant = 4 * c3 * c5 - c4 * c4
    # Cramer's rule for the two equations.
    extremum = torch.stack([c4 * c2 - 2 * c5 * c1, c4 * c1 - 2 * c3 * c2], dim=-1)
    return extremum / determinant[..., None], (c3 < 0) & (determinant > 0)


def heat(
    keypoints: Keypoints, places: Float[Tensor, "batch count 2"], sigma_px: float
) -> Float[Tensor, "batch count points"]:
    """Return a Gaussian of height 1 around each keypoint, read at places (x, y); visibility is not read."""
    # [batch, count, 1, 2] - [batch, 1, points, 2] => [batch, count, points]
    squared = (places[:, :, None] - keypoints[:, None, :, :2]).square().sum(dim=-1)
    return torch.exp(-squared / (2 * sigma_px**2))


def gaussian_profile(
    centers: Float[Tensor, "batch points"], length: int, sigma_px: float
) -> Float[Tensor, "batch points length"]:
    """Return a Gaussian of height 1 along one axis."""
    # distances from pixel centers: [length] - [batch, points, 1]
    distances = torch.arange(length, device=centers.device) + 0.5 - centers[:, :, None]
    return torch.exp(-distances.square() / (2 * sigma_px**2))


def pixel_centers(label_px: tuple[int, int], device: torch.device) -> Float[Tensor, "pixels 2"]:
    """Return x and y of every pixel's center, row by row."""
    height, width = label_px
    # (row, column) with the column fastest, flipped to (x, y)
    rows = torch.arange(height, device=device) + 0.5
    columns = torch.arange(width, device=device) + 0.5
    return torch.cartesian_prod(rows, columns).flip(1)
