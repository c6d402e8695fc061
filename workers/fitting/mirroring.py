"""Mirrored labelled images: twice as many to learn from. Each has another code, and sides swap their names.

Where inversion is exact they cost nothing: on portraits with 16 labels held-out mIoU rose in each of the draws (LOG.md,
"A fit on mirrored images"). Elsewhere they are inverted too, which doubles the time of that stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from contracts.fits.fit import FitRequest
from models.tasks.mirroring import Swaps, mirrored
from models.tasks.task_set import Labels, TaskSet
from workers.fitting.downstream import mirror_swaps
from workers.fitting.inverting import FitInverter, RealImages
from workers.fitting.pairs import Pairs
from workers.runtime.jobs import Run
from workers.saving.kept_codes import KeptCodes

STAGE = "inverting mirrored"


@dataclass(frozen=True)
class MirroredImages:
    """Images with left and right exchanged; their conditions stay."""

    images: RealImages

    def __len__(self) -> int:
        return len(self.images)

    def image_tensor(self, indices: Sequence[int]) -> Tensor:
        return self.images.image_tensor(indices).flip(3)

    def condition_tensor(self, indices: Sequence[int]) -> Tensor | None:
        return self.images.condition_tensor(indices)


@dataclass(frozen=True)
class Mirrored:
    """The codes of mirrored images, in the order of the pairs, and how their labels follow from the pairs' labels."""

    codes: Tensor
    swaps: Swaps

    @classmethod
    def of(
        cls, run: Run, request: FitRequest, inverter: FitInverter, pairs: Pairs, kept: KeptCodes
    ) -> Self | None:
        """Invert the mirrored images. None without flips in the request, and if a task or a side cannot be mirrored."""
        swaps = mirror_swaps(pairs.schema)
        can_mirror = all(codec.kind.can_mirror for codec in pairs.codecs)
        if not request.options.ensemble.flips or not can_mirror or swaps is None:
            return None
        inverted = inverter.invert(MirroredImages(pairs), run.steps(STAGE), kept)
        return cls(inverted.codes, swaps)

    def labels(self, labels: Labels, tasks: TaskSet) -> Labels:
        """Return the labels of the mirrored images of some images."""
        return mirrored(labels, tasks, self.swaps)
