"""Adaptive discriminator augmentation for small training sets (ADA, Karras et al., arXiv 2006.06676).

The discriminator sees only augmented images, real and generated. Each transformation is applied with probability p,
and p follows how much the discriminator overfits. Images: NCHW float32 in [-1, 1], before and after.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Images

# The distributions are those of the ADA paper's augmentation pipeline (appendix B), with fewer transformations:
# its filters, noise, cutout, saturation and anisotropic scaling are left out.
SCALE_SIGMA_LOG2 = 0.2  # zoom by 2^N(0, 0.2^2)
SHIFT_MAX = 0.125  # uniform, as a share of width and height
BRIGHTNESS_SIGMA = 0.2  # of a range that is 2 wide
CONTRAST_SIGMA_LOG2 = 0.5  # contrast times 2^N(0, 0.5^2)
HUE_MAX = math.pi  # any rotation around the luma axis
# Each component of the unit vector along (1, 1, 1), the gray axis.
_LUMA_AXIS = 1.0 / math.sqrt(3.0)


def augment(images: Images, probability: float, *, hue: bool = True) -> Images:
    """Flip, rotate, zoom, shift and recolor each image, each transformation with probability p (ADA, section 2.2).

    Without `hue`, recoloring changes brightness and contrast only: the equal channels of grey images stay equal.
    Differentiable: the generator's gradient passes through. Random numbers come from torch's global generator.
    """
    # At p < 1 unchanged images are the most frequent ones, so the generator can only match the reals by samples
    # without augmentations. Above p = 0.8 they begin to leak into its samples (ADA, section 2.2).
    if probability <= 0.0:
        return images
    transformed = _transform(images, _affine_maps(images, probability))
    return _recolor(transformed, probability, hue=hue)


def next_probability(
    probability: float, overfitting: float, *, batch: int, target: float, speed_kimg: float
) -> float:
    """Return p moved by one step toward the value at which `overfitting` equals `target`.

    `overfitting` is r_t = E[sign(D(real))] of a batch (ADA, equation 1): 0 for no overfitting, 1 for complete.
    p moves from 0 to 1 in `speed_kimg` thousand images and stays within [0, 1].
    """
    # A step of fixed size, only its sign depends on r_t. The paper takes one every four batches, this code every batch.
    step = batch / (speed_kimg * 1000.0)
    return min(max(probability + math.copysign(step, overfitting - target), 0.0), 1.0)


def _selection(images: Images, probability: float) -> Float[Tensor, " batch"]:
    """Return 1 for each image that a transformation applies to, else 0."""
    return (torch.rand(len(images), device=images.device) < probability).to(images.dtype)


def _affine_maps(images: Images, probability: float) -> Float[Tensor, "batch 2 3"]:
    """Return one affine map per image, from output to input coordinates: flip, rotation, isotropic scale, shift."""
    # `affine_grid` maps output positions to input positions, so the image moves by the inverse. The distributions are
    # symmetric (s and 1/s, angle and -angle, shift and -shift are equally likely), so that makes no difference.
    count, device = len(images), images.device
    # A flip is drawn from {off, on} with probability p, so p/2 of the images are flipped.
    flip = 1.0 - 2.0 * _selection(images, probability / 2)
    angle = _selection(images, probability) * (torch.rand(count, device=device) * 2 - 1) * math.pi
    # Not selected: 2^0 = 1.
    scale = torch.exp2(
        _selection(images, probability) * torch.randn(count, device=device) * SCALE_SIGMA_LOG2
    )
    # Coordinates of `affine_grid` run from -1 to 1: a whole width is 2.
    shift = (torch.rand(count, 2, device=device) * 2 - 1) * 2 * SHIFT_MAX
    shift = shift * _selection(images, probability)[:, None]
    # Rows of scale * R(angle) * diag(flip, 1), and the shift: 2 rows of [n, 3] => [n, 2, 3]
    cos, sin = angle.cos() * scale, angle.sin() * scale
    # x and y run from -1 to 1 over a width and a height: without the aspect ratio a rotation would shear.
    aspect = images.shape[2] / images.shape[3]
    rows = [torch.stack([cos * flip, -sin * aspect, shift[:, 0]], 1)]
    rows.append(torch.stack([sin * flip / aspect, cos, shift[:, 1]], 1))
    return torch.stack(rows, dim=1)


def _transform(images: Images, maps: Float[Tensor, "batch 2 3"]) -> Images:
    # Reflection fills the border, as in the paper. Bilinear sampling replaces its oversampling with wavelet filters.
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _recolor(images: Images, probability: float, *, hue: bool) -> Images:
    """Rotate the hue around the gray axis, scale the contrast, then shift the brightness."""
    device = images.device
    brightness = _selection(images, probability) * torch.randn(len(images), device=device)
    contrast = torch.exp2(
        _selection(images, probability)
        * torch.randn(len(images), device=device)
        * CONTRAST_SIGMA_LOG2
    )
    if hue:
        angle = _selection(images, probability) * (torch.rand(len(images), device=device) * 2 - 1)
        # [n, 3, 3] x [n, 3, h, w] => [n, 3, h, w]: each pixel's color is a vector that the matrix rotates.
        images = torch.einsum("bij,bjhw->bihw", _hue_rotation(angle * HUE_MAX), images)
    # 0 is mid-gray in [-1, 1], so a product is a change of contrast around it.
    scaled = images * contrast[:, None, None, None]
    return scaled + (brightness * BRIGHTNESS_SIGMA)[:, None, None, None]


def _hue_rotation(angle: Float[Tensor, " batch"]) -> Float[Tensor, "batch 3 3"]:
    """Return rotations around the axis (1, 1, 1) / sqrt(3); angles in radians."""
    # Rodrigues' formula: R = cos(a) I + sin(a) [k]x + (1 - cos(a)) k k^T, with k the axis and [k]x its cross product.
    axis = torch.full((3,), _LUMA_AXIS, device=angle.device, dtype=angle.dtype)
    # Row i of [k]x is e_i x k: [3, 3]
    cross = torch.linalg.cross(
        torch.eye(3, device=angle.device, dtype=angle.dtype), axis.expand(3, 3)
    )
    identity = torch.eye(3, device=angle.device, dtype=angle.dtype)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    rotation: Tensor = identity * cos + cross * sin + torch.outer(axis, axis) * (1 - cos)
    return rotation
