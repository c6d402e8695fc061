"""A label generator set to images whose labels are known: its score, and rows for the eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from contracts.fit_metrics import InvertedImage, TaskMetrics
from models.labels.label_generator import LabelGenerator, Rendered
from workers.depth import shaded
from workers.images import Pixels
from workers.inverting import Inverted
from workers.jobs import Run
from workers.keypoints import draw_points
from workers.pairs import ImageLabels, Pairs
from workers.scoring import Scorer
from workers.sheets import MAX_ROWS, Row, coloured


@dataclass(frozen=True)
class Labelled:
    """Labelled images, their inversion, what the label generator made of the first codes, and its score on all."""

    pairs: Pairs
    inversion: Inverted
    predictions: tuple[ImageLabels, ...]
    metrics: TaskMetrics

    @property
    def psnr_db(self) -> float:
        """The mean over the images."""
        return fmean(self.inversion.psnr_db)

    def judged_images(self) -> tuple[InvertedImage, ...]:
        """How well the generator expresses each image."""
        return self.inversion.judged(self.pairs.names)

    def sheet_rows(self) -> list[Row]:
        """The first images as rows of real picture, reconstruction, labels, predictions."""
        rows = zip(
            self.pairs.images,
            self.inversion.reconstructions,
            self.pairs.labels,
            self.predictions,
            strict=False,  # as many as there are predictions
        )
        return [
            {
                "real": real,
                "reconstruction": made,
                **_drawn("label", truth, truth, real),
                **_drawn("prediction", guess, truth, made),
            }
            for real, made, truth, guess in rows
        ]


def label_codes(
    run: Run,
    stage: str,
    label_generator: LabelGenerator,
    *,
    pairs: Pairs,
    inversion: Inverted,
    digest: str,
) -> Labelled:
    """Labels the code of every image, micro-batch by micro-batch, and scores it; `digest` is the generator's.

    The first labels are kept to be seen: at 1024 px those of all images with their probabilities would be gigabytes.
    """
    scorer = Scorer(pairs.schema)
    shown: list[ImageLabels] = []
    num_done = 0

    def work(chunk: Sequence[int]) -> Rendered:
        return label_generator.render(inversion.ws[list(chunk)])

    batches, images = run.machine.micro_batches, range(len(pairs))
    most = batches.most(label_generator.image_bytes)
    for rendered in batches.run("labelling", digest, images, work, largest=most):
        places = range(num_done, num_done + len(rendered))
        scorer.add(rendered, pairs.label_tensors(places), pairs.reference_px(places))
        shown += predicted(rendered)[: MAX_ROWS - len(shown)]
        num_done += len(rendered)
        run.step(stage, num_done, len(pairs))
    return Labelled(pairs, inversion, tuple(shown), scorer.metrics())


def predicted(rendered: Rendered) -> list[ImageLabels]:
    """Rendered labels image by image."""
    masks, depth = rendered.masks, rendered.depth
    points = rendered.keypoints
    if points is not None and rendered.visibility is not None:
        points = points.clone()
        points[:, :, 2] = rendered.visibility
    return [
        ImageLabels(
            mask=None if masks is None else masks[place].numpy(),
            points=None if points is None else points[place].numpy(),
            depth=None if depth is None else depth[place].numpy(),
        )
        for place in range(len(rendered))
    ]


def _drawn(title: str, labels: ImageLabels, truth: ImageLabels, picture: Pixels) -> Row:
    """Labels as cells: the mask (else the picture) with the keypoints on it, and the depth beside it.

    Depth is shaded as its truth is, so that the two can be compared.
    """
    cells: Row = {}
    if labels.mask is not None or labels.points is not None:
        below = picture if labels.mask is None else coloured(labels.mask)
        cells[title] = below if labels.points is None else draw_points(below, labels.points)
    if labels.depth is not None:
        like = labels.depth if truth.depth is None or np.isnan(truth.depth).all() else truth.depth
        cells[f"depth: {title}"] = shaded(labels.depth, like)
    return cells
