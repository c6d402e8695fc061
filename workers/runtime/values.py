"""Checks of a network's weights before they are stored: finite, and not absurdly large."""

from collections.abc import Mapping

import torch
from torch import Tensor

MAX_MAGNITUDE = 1e6
"""The largest weight of seven published networks and four of ours is 472. It is in a mapping network, whose layers are
stored 100 times too large by design. Weights 2,000 times larger than that make infinite or constant images."""

BAD_VALUES_REMEDY = "Use a snapshot from before the training diverged, or download the file again."


def flaw_of(numbers: Tensor) -> str | None:
    """Return the flaw of one tensor's numbers as the end of a sentence, or None.

    Examples: "holds nan (3 of 512 numbers are not finite)", "holds 3e+08; expected at most 1e+06".
    """
    if not numbers.numel():
        return None
    least, most = (float(extreme) for extreme in numbers.float().aminmax())
    if -MAX_MAGNITUDE <= least <= most <= MAX_MAGNITUDE:
        return None
    finite = torch.isfinite(numbers)
    if not bool(finite.all()):
        first = float(numbers[~finite][0])
        count = int((~finite).sum())
        return f"holds {first} ({count} of {numbers.numel()} numbers are not finite)"
    largest = least if -least > most else most
    return f"holds {largest:.3g}; expected weights of at most {MAX_MAGNITUDE:.0e}"


def first_flaw(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the first flawed tensor and its flaw as a sentence without the full stop, or None."""
    for name, numbers in tensors.items():
        flaw = flaw_of(numbers)
        if flaw is not None:
            return f"the tensor {name[:80]!r} {flaw}"
    return None
