"""The checks of a diffusion network that all its formats share: its size, the shapes and the values of its weights.

The network is built on the meta device, without memory for its numbers, before any number is read.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.generators.diffusion.config import DiffusionConfig
from models.generators.diffusion.unet import build_unet
from workers.checkpoints.checkpoint import DOWNLOAD_AGAIN, BadValues, Recognized
from workers.runtime.weights import first_flaw

MAX_PARAMETERS = 600_000_000
"""The unconditional 256 px network of guided-diffusion has 552,000,000."""

MAX_MULTIPLY_ADDS = 4 * 10**12
"""Of one pass over one image. The network above takes 1.1 * 10^12."""


def build_checked(config: DiffusionConfig) -> nn.Module:
    """Return the network without memory for its numbers, and refuse one that is too large."""
    with _misfits_refused():
        unet: nn.Module = build_unet(config)
    count = sum(math.prod(parameter.shape) for parameter in unet.parameters())
    if count > MAX_PARAMETERS:
        raise Recognized(f"expected at most {MAX_PARAMETERS} parameters, got {count}")
    with _misfits_refused():
        multiply_adds = _multiply_adds(unet, config)
    if multiply_adds > MAX_MULTIPLY_ADDS:
        raise Recognized(
            f"expected at most {MAX_MULTIPLY_ADDS} multiply-adds for one pass over an image, got {multiply_adds}"
        )
    return unet


@contextmanager
def _misfits_refused() -> Iterator[None]:
    """Turn the library's errors about numbers that do not fit each other into a refusal."""
    try:
        yield
    except (ValueError, ArithmeticError, RuntimeError, TypeError, LookupError) as error:
        reason = f"its network's config does not fit together: {str(error)[:120]}"
        raise Recognized(reason) from error


def _multiply_adds(unet: Any, config: DiffusionConfig) -> int:  # noqa: ANN401 - the library is not type checked
    """Return the multiply-adds of one pass, counted on the meta device, where nothing is computed."""
    height, width = config.image_px
    image = torch.empty(1, unet.conv_in.in_channels, height, width, device="meta")
    classes = torch.zeros(1, dtype=torch.long, device="meta") if config.num_classes else None
    step = torch.zeros(1, dtype=torch.long, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(image, step, class_labels=classes, return_dict=False)
    return int(counter.get_total_flops()) // 2


def check_shapes(
    expected: Mapping[str, tuple[int, ...]], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse weights with missing, unknown or misshapen tensors. Raises `Recognized`."""
    missing = sorted(expected.keys() - shapes.keys())
    if missing:
        raise Recognized(
            f"its weights lack {len(missing)} tensors of its config, for example {missing[0]!r}"
        )
    unknown = sorted(shapes.keys() - expected.keys())
    if unknown:
        raise Recognized(
            f"its weights hold {len(unknown)} tensors that its config lacks, for example {unknown[0][:80]!r}"
        )
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise Recognized(
                f"expected shape {list(shape)} of its tensor {name!r}, got {list(shapes[name])[:8]}"
            )


def check_values(weights: Mapping[str, Tensor]) -> None:
    """Refuse numbers that cannot be weights. Raises `BadValues`."""
    flaw = first_flaw(weights)
    if flaw is not None:
        raise BadValues(flaw, DOWNLOAD_AGAIN)
