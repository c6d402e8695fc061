"""The product of a fit: codes in, images with the labels of every task and their uncertainty out.

Measured at 256 px, 19 classes, one core: labels and image take 1.26 times the image alone with a compact ensemble; at
1024 px 1.29 (benchmarks/LOG.md). A micro-batch of one image at 1024 px peaks at 744 MB.
"""

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
from models.generators.generator import Generator, Mirrorable
from models.labels.compact_head import head_of
from models.labels.ensemble import Ensemble
from models.tasks.ensemble_votes import EnsembleVotes
from models.tasks.segmentation import SegmentationTask
from models.tasks.task import LabelOptions, TaskLabels

# One member's outputs and the running sums of the votes, in numbers per output and pixel.
COPIES_OF_OUTPUTS = 6

AS_ALWAYS = LabelOptions()


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Labeled images on the CPU.

    images: pixels 0..255. labels: those of each task, by its name (each task's file says what they hold).
    uncertainty, scores: the disagreement of the members at a pixel and in an image, on the first task; `task_scores`
    has the score of an image on every task.
    """

    images: ByteImages  # [n, h, w, 3]
    uncertainty: PixelScores  # [n, label_h, label_w]
    scores: Scores  # [n]
    task_scores: dict[str, Scores]
    labels: dict[str, TaskLabels]

    def __len__(self) -> int:
        return len(self.scores)


class LabelGenerator:
    """A generator and the ensemble that predicts labels from its features; labels have `label_px` (height, width).

    The ensemble computes in the precision of the generator's highest feature maps. In bfloat16 at least 99.95% of the
    pixels whose two most probable classes differ by more than 0.02 keep their class (LOG.md, "bfloat16").
    """

    def __init__(
        self, generator: Generator, ensemble: Ensemble, label_px: tuple[int, int] | None = None
    ) -> None:
        expected, actual = ensemble.config.tap_channels, generator.layout.tap_channels
        if expected != actual:
            raise ValueError(
                f"expected taps of {expected} channels, got {actual} from the generator; "
                "use the generator that the ensemble was fitted on"
            )
        if ensemble.config.swaps is not None and not isinstance(generator, Mirrorable):
            raise ValueError(
                "the ensemble labels mirrored images too, which need a generator that mirrors codes"
            )
        self.generator, self.ensemble = generator, ensemble
        self.label_px = label_px or generator.layout.image_px
        # Prepared once: normalizations are folded in and weights are laid out for the products.
        self._head = head_of(ensemble, self.label_px, generator.precision)

    @property
    def image_bytes(self) -> int:
        """The most memory that rendering takes for each image of a micro-batch (LOG.md, "Labels at 1024 px")."""
        # The larger of two phases. Synthesis; then the taps remain, and each pixel of the label has `rank` values of
        # the compact map and a few copies of its outputs, 4 bytes each.
        layout, config = self.generator.layout, self.ensemble.config
        values = (config.rank or 0) + COPIES_OF_OUTPUTS * config.tasks.outputs
        return max(layout.synthesis_bytes, layout.tap_bytes + 4 * values * math.prod(self.label_px))

    @torch.no_grad()
    def render(self, codes: Codes, options: LabelOptions = AS_ALWAYS) -> Rendered:
        """Return images and labels of codes; the number of samples changes each one only by rounding.

        Raise ValueError for options when the ensemble has no masks.
        """
        self._check(options)
        # 1. codes => images [n, 3, h, w] and running votes of every task
        images, counted = self.vote(codes)
        votes = counted.votes
        scores = {task: task_votes.scores.cpu() for task, task_votes in votes.items()}
        first = next(iter(votes))
        # 2. votes => labels, on the CPU for the encoders
        labels: dict[str, TaskLabels] = {
            task: {name: tensor.cpu() for name, tensor in task_votes.refined(options).items()}
            for task, task_votes in votes.items()
        }
        return Rendered(
            images=to_bytes(images),
            # the map and the score of the first task; `task_scores` has the scores of all
            uncertainty=votes[first].uncertainty.cpu(),
            scores=scores[first],
            task_scores=scores,
            labels=labels,
        )

    @torch.no_grad()
    def vote(self, codes: Codes) -> tuple[Images, EnsembleVotes]:
        """Return images, and the votes of the members: one each, or two where they label the mirrored images too."""
        # codes => images [n, 3, h, w] and taps => outputs of one member after the other
        synthesis = self.generator.synthesize(codes)
        images, votes = synthesis.images, self.label(synthesis.taps)
        if self.ensemble.config.swaps is not None:
            assert isinstance(self.generator, Mirrorable)
            del synthesis  # its taps are freed before those of the mirrored images exist
            taps = self.generator.synthesize(self.generator.mirrored(codes)).taps
            votes.count_mirrored(self._head.maps(taps), self.ensemble.config.swaps)
        return images, votes

    def _check(self, options: LabelOptions) -> None:
        names = self.ensemble.config.tasks.names
        if options.are_given and SegmentationTask.name not in names:
            raise ValueError(
                f"soft labels and ignored pixels need masks, and this ensemble has {', '.join(names)}; "
                "render without these options"
            )

    @torch.no_grad()
    def label(self, taps: Taps) -> EnsembleVotes:
        """Return the members' votes on every task at every pixel of the label."""
        votes = EnsembleVotes(self.ensemble.config.tasks, self.label_px)
        return votes.count(self._head.maps(taps))


def to_bytes(images: Images) -> ByteImages:
    """Return images in [-1, 1] as bytes on the CPU, clipped and rounded to nearest: [n, 3, h, w] => [n, h, w, 3]."""
    # -1 => 0, 1 => 255; 127.5 per unit
    scaled = images.clamp(-1, 1).add(1).mul(127.5).round()
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()


def from_bytes(images: UInt8[Tensor, "batch height width 3"]) -> Images:
    """Undo `to_bytes`."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
