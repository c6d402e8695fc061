"""Whether numbers can be a network's weights: finite, and not absurdly large. Checked before weights are stored."""

from collections.abc import Mapping

import torch
from torch import Tensor

MAX_MAGNITUDE = 1e6
"""The largest weight of seven published and four own networks is 472, in a mapping network, whose layers are stored a
hundred times too large by design. Two thousand times as much is damage: it makes infinite or constant images."""

BAD_VALUES_REMEDY = "Use a snapshot from before the training diverged, or download the file again."


def flaw_of(numbers: Tensor) -> str | None:
    """What is wrong with the numbers of one tensor, as the end of a sentence; None when nothing is.

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
    """The first tensor that is flawed and what is wrong with it, as a sentence without its full stop; None without."""
    for name, numbers in tensors.items():
        flaw = flaw_of(numbers)
        if flaw is not None:
            return f"the tensor {name[:80]!r} {flaw}"
    return None
