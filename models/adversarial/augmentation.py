"""Adaptive discriminator augmentation for small sets (Karras et al., arXiv 2006.06676).

Every image the discriminator sees, real or generated, is changed with probability p, and p follows how much the
discriminator overfits.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images

SCALE_SIGMA_LOG2 = 0.2
SHIFT_MAX = 0.125
BRIGHTNESS_SIGMA = 0.2
CONTRAST_SIGMA_LOG2 = 0.5
HUE_MAX = math.pi
_LUMA_AXIS = 1.0 / math.sqrt(3.0)


def augment(images: Images, probability: float) -> Images:
    """Flip, turn, zoom, shift and recolor each image, every kind with the given probability (section 2.2)."""
    if probability <= 0.0:
        return images
    moved = _move(images, _geometry(images, probability))
    return _recolor(moved, probability)


def next_probability(
    probability: float, overfitting: float, *, batch: int, target: float, speed_kimg: float
) -> float:
    """Move p toward where `overfitting`, E[sign(D(real))] of a batch, is `target` (equation 1).

    From 0 to 1 it takes `speed_kimg` thousand images.
    """
    step = batch / (speed_kimg * 1000.0)
    return min(max(probability + math.copysign(step, overfitting - target), 0.0), 1.0)


def _chosen(images: Images, probability: float) -> Float[Tensor, " batch"]:
    return (torch.rand(len(images), device=images.device) < probability).to(images.dtype)


def _geometry(images: Images, probability: float) -> Float[Tensor, "batch 2 3"]:
    """One affine map per image, in the coordinates of `affine_grid`: flip, rotation, isotropic scale, shift."""
    count, device = len(images), images.device
    flip = 1.0 - 2.0 * _chosen(images, probability / 2)
    angle = _chosen(images, probability) * (torch.rand(count, device=device) * 2 - 1) * math.pi
    scale = torch.exp2(
        _chosen(images, probability) * torch.randn(count, device=device) * SCALE_SIGMA_LOG2
    )
    shift = (torch.rand(count, 2, device=device) * 2 - 1) * 2 * SHIFT_MAX
    shift = shift * _chosen(images, probability)[:, None]
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [torch.stack([cos * flip, -sin, shift[:, 0]], 1)]
    rows.append(torch.stack([sin * flip, cos, shift[:, 1]], 1))
    return torch.stack(rows, dim=1)


def _move(images: Images, geometry: Float[Tensor, "batch 2 3"]) -> Images:
    grid = F.affine_grid(geometry, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _recolor(images: Images, probability: float) -> Images:
    """Brightness, contrast and a turn of the hue around the grey axis."""
    device = images.device
    brightness = _chosen(images, probability) * torch.randn(len(images), device=device)
    contrast = torch.exp2(
        _chosen(images, probability) * torch.randn(len(images), device=device) * CONTRAST_SIGMA_LOG2
    )
    angle = _chosen(images, probability) * (torch.rand(len(images), device=device) * 2 - 1)
    turned = torch.einsum("bij,bjhw->bihw", _hue_rotation(angle * HUE_MAX), images)
    scaled = turned * contrast[:, None, None, None]
    return scaled + (brightness * BRIGHTNESS_SIGMA)[:, None, None, None]


def _hue_rotation(angle: Float[Tensor, " batch"]) -> Float[Tensor, "batch 3 3"]:
    """Rotation around the axis (1, 1, 1) by Rodrigues' formula."""
    axis = torch.full((3,), _LUMA_AXIS, device=angle.device, dtype=angle.dtype)
    cross = torch.linalg.cross(
        torch.eye(3, device=angle.device, dtype=angle.dtype), axis.expand(3, 3)
    )
    identity = torch.eye(3, device=angle.device, dtype=angle.dtype)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    rotation: Tensor = identity * cos + cross * sin + torch.outer(axis, axis) * (1 - cos)
    return rotation
