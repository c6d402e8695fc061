"""The size of a downstream network and the length of its training: the same in every arm of an evaluation."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class DownstreamOptions:
    """The defaults train in about a minute on one CPU core at 64 px (benchmarks/LOG.md, "Downstream networks").

    Every arm takes `steps` steps of `batch` images. A share of many training images is kept for validation: the weights
    are those of the best of `checks` looks at it. `flip` must be off where a mirrored image means something else
    (text); left and right parts are swapped by their names.
    """

    channels: tuple[int, ...] = (32, 64, 96)
    steps: int = 600
    batch: int = 16
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    validation_share: float = 0.2
    min_validated: int = 100  # with fewer images in the (real) part none is kept for validation
    checks: int = 8
    flip: bool = True
    # Drawn pixels of each image from which a step learns. 1,024 of 4,096 save a quarter of the time; the score is the
    # same within noise (.601 against .610, two draws).
    pixels: int = 1024
    balance: float = 0.5  # 0 draws classes as often as they occur, 1 equally often
    augmentation: float = 1.0  # the strength of random changes; 0 for none
    # bfloat16: convolutions only; three times faster on processors with AMX, much slower on those without
    precision: Precision = "float32"
