"""Promises of `models.tasks.heat_maps`: peaks are located between the pixels."""

import pytest
import torch
from torch import Tensor

from models.tasks.heat_maps import Window, decode, heat, pixel_centers

PX = (40, 28)


def heat_of(points: Tensor, sigma_px: float) -> Tensor:
    """Return the maps [1, points, 40, 28] of true peaks."""
    centers = pixel_centers(PX, points.device)
    return heat(points[None], centers[None], sigma_px).transpose(1, 2).reshape(1, -1, *PX)


@pytest.mark.parametrize("sigma_px", [0.7, 1.0, 2.0, 5.0])
def test_known_peaks_are_found_within_a_tenth_of_a_pixel(sigma_px: float) -> None:
    """Peaks anywhere in the image, also at its border; the highest pixel alone has errors up to 0.7 px."""
    points = torch.rand(200, 3) * torch.tensor([PX[1], PX[0], 1.0])
    maps = heat_of(points, sigma_px)
    decoded = decode(maps, Window.around(maps, max(round(sigma_px), 1)))[0]
    assert (decoded - points[:, :2]).norm(dim=1).max() < 0.1


def test_noise_and_another_peak_move_the_point_little() -> None:
    """With 10% of noise and a lower peak 8 px away the error is below half a pixel."""
    points = torch.tensor([[12.3, 20.7, 1.0], [20.3, 20.7, 1.0]])
    both = heat_of(points, 2.0)
    maps = both[:, :1] + 0.5 * both[:, 1:] + 0.1 * torch.rand(1, 1, *PX)
    decoded = decode(maps, Window.around(maps, 2))[0, 0]
    assert (decoded - points[0, :2]).norm() < 0.5


def test_a_map_without_a_summit_gives_the_center_of_its_highest_pixel() -> None:
    """A flat map and a ramp have no summit; the point stays inside the image."""
    maps = torch.ones(1, 2, 8, 8)
    maps[0, 1] = torch.arange(8.0)[None, :]
    decoded = decode(maps, Window.around(maps, 1))[0]
    assert decoded.min() >= 0
    assert decoded.max() <= 8
    assert decoded[1, 0].item() == 7.5
