"""The product of a fit: codes in, images with the labels of every task and their uncertainty out."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor

from models.arrays import (
    ByteImages,
    Codes,
    Images,
    PixelScores,
    Scores,
    Taps,
)
from models.generators.generator import Generator
from models.labels.compact_head import head_of
from models.labels.ensemble import Ensemble
from models.tasks.ballot import Ballot
from models.tasks.task import TaskLabels

COPIES_OF_OUTPUTS = 6


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Labelled images on the CPU.

    images: pixels 0..255. labels: those of each task, by its name (each task's file says what they hold).
    uncertainty, scores: the disagreement of the members at a pixel and in an image, on the first task; `task_scores`
    has the score of an image on every task.
    """

    images: ByteImages
    uncertainty: PixelScores
    scores: Scores
    task_scores: dict[str, Scores]
    labels: dict[str, TaskLabels]

    def __len__(self) -> int:
        return len(self.scores)


class LabelGenerator:
    """A generator and the ensemble that reads labels from its features; labels have `label_px` (height, width).

    Features are read in the precision in which the generator makes its highest ones.
    """

    def __init__(
        self, generator: Generator, ensemble: Ensemble, label_px: tuple[int, int] | None = None
    ) -> None:
        expected, found = generator.layout.tap_channels, ensemble.config.tap_channels
        if expected != found:
            raise ValueError(
                f"the ensemble reads taps of {found} channels, the generator gives {expected}; "
                "use the generator that the ensemble was fitted on"
            )
        self.generator, self.ensemble = generator, ensemble
        self.label_px = label_px or generator.layout.image_px
        self._head = head_of(ensemble, self.label_px, generator.precision)

    @property
    def image_bytes(self) -> int:
        """What rendering takes of memory for each image of a micro-batch, at most (benchmarks/LOG.md).

        First that of making it; then its taps are left, and of every pixel what a compact ensemble reads there, and a
        member's value and some running sums for every output.
        """
        made, read = self.generator.layout, self.ensemble.config
        values = (read.rank or 0) + COPIES_OF_OUTPUTS * read.tasks.outputs
        return max(made.synthesis_bytes, made.tap_bytes + 4 * values * math.prod(self.label_px))

    @torch.no_grad()
    def render(self, codes: Codes) -> Rendered:
        """Return images and labels of codes; each sample is independent of the others."""
        synthesis = self.generator.synthesize(codes)
        ballot = self.label(synthesis.taps)
        votes = ballot.votes
        scores = {task: task_votes.scores.cpu() for task, task_votes in votes.items()}
        first = next(iter(votes))
        labels: dict[str, TaskLabels] = {
            task: {name: tensor.cpu() for name, tensor in task_votes.labels().items()}
            for task, task_votes in votes.items()
        }
        return Rendered(
            images=to_bytes(synthesis.images),
            uncertainty=votes[first].uncertainty.cpu(),
            scores=scores[first],
            task_scores=scores,
            labels=labels,
        )

    @torch.no_grad()
    def label(self, taps: Taps) -> Ballot:
        """Return the members' votes on every task at every pixel of the label."""
        ballot = Ballot(self.ensemble.config.tasks, self.label_px)
        return ballot.count(self._head.maps(taps))


def to_bytes(images: Images) -> ByteImages:
    """Images in [-1, 1] as bytes on the CPU, clipped and rounded to nearest."""
    scaled = images.clamp(-1, 1).add(1).mul(127.5).round()
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()


def from_bytes(images: UInt8[Tensor, "batch height width 3"]) -> Images:
    """Undo `to_bytes`."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
