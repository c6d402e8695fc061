"""A label generator set to images whose labels are known: its score, and rows for the eye."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from contracts.fits.metrics import InvertedImage, TaskMetrics
from contracts.schemas import LabelSchema
from models.arrays import IGNORE_INDEX
from models.labels.label_generator import LabelGenerator, Rendered
from workers.codecs.depth import shaded
from workers.codecs.images import Pixels
from workers.codecs.keypoints import draw_points
from workers.fitting.inverting import Inverted
from workers.fitting.pairs import ImageLabels, Pairs
from workers.fitting.scoring import Scorer
from workers.fitting.sheets import MAX_ROWS, Row, SheetRow, colored
from workers.runtime.jobs import Run

Region = NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """Labelled images, their inversion, what the label generator made of some codes, and its score on all.

    `predictions` are those of the images that the sheet shows, by their place, in its order.
    """

    pairs: Pairs
    inversion: Inverted
    predictions: Mapping[int, ImageLabels]
    metrics: TaskMetrics

    @property
    def psnr_db(self) -> float:
        """The mean over the images."""
        return fmean(self.inversion.psnr_db)

    def judged_images(self) -> tuple[InvertedImage, ...]:
        """How well the generator expresses each image."""
        return self.inversion.judged(self.pairs.names)

    def sheet_rows(self) -> list[SheetRow]:
        """Rows of real picture, reconstruction, labels, predictions: images that the generator cannot express first."""
        return [self._sheet_row(place) for place in self.predictions]

    def _sheet_row(self, place: int) -> SheetRow:
        real, made = self.pairs.images[place], self.inversion.reconstructions[place]
        truth, guess = self.pairs.labels[place], self.predictions[place]
        schema = self.pairs.schema
        return SheetRow(
            cells={
                "real": real,
                "reconstruction": made,
                **_drawn("label", truth, truth, real, schema),
                **_drawn("prediction", guess, truth, made, schema),
            },
            name=self.pairs.names[place],
            facts=(f"PSNR {self.inversion.psnr_db[place]:.1f} dB", *agreement(guess, truth)),
            warning="" if self.inversion.are_expressible[place] else "not expressible",
        )


def sheet_title(what: str, labelled: Labelled) -> str:
    """What a column of the sheet shows, and how many of the images."""
    shown, total = len(labelled.predictions), len(labelled.pairs)
    return what if shown == total else f"{what} ({shown} of {total})"


def shown_places(are_expressible: Sequence[bool]) -> list[int]:
    """Which images a sheet shows: those that the generator cannot express, then the others, each in their order."""
    places = sorted(range(len(are_expressible)), key=lambda place: are_expressible[place])
    return places[:MAX_ROWS]


def agreement(guess: ImageLabels, truth: ImageLabels) -> list[str]:
    """How far the predicted labels of one image agree with its own, as lines for people."""
    lines: list[str] = []
    if guess.mask is not None and truth.mask is not None:
        known = truth.mask != IGNORE_INDEX
        classes = np.unique(truth.mask[known])
        if len(classes):
            ious = [_iou(guess.mask[known] == one, truth.mask[known] == one) for one in classes]
            lines.append(f"mIoU {fmean(ious):.2f}")
    if guess.points is not None and truth.points is not None:
        labelled = truth.points[:, 2] > 0
        if labelled.any():
            off = guess.points[labelled, :2] - truth.points[labelled, :2]
            lines.append(f"keypoints {np.hypot(*off.T).mean():.1f} px off")
    return lines


def _iou(one: Region, other: Region) -> float:
    return float((one & other).sum() / (one | other).sum())


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

    A few labels are kept to be seen: at 1024 px those of all images with their probabilities would be gigabytes.
    """
    scorer = Scorer(pairs.schema)
    shown = shown_places(inversion.are_expressible)
    kept: dict[int, ImageLabels] = {}
    num_done = 0

    def work(chunk: Sequence[int]) -> Rendered:
        return label_generator.render(inversion.codes[list(chunk)])

    batches, images = run.machine.micro_batches, range(len(pairs))
    most = batches.most(label_generator.image_bytes)
    for rendered in batches.run("labelling", digest, images, work, largest=most):
        places = range(num_done, num_done + len(rendered))
        scorer.add(rendered, pairs.label_tensors(places), pairs.reference_px(places))
        labels = predicted(rendered)
        kept.update({place: labels[place - num_done] for place in places if place in shown})
        num_done += len(rendered)
        run.step(stage, num_done, len(pairs))
    return Labelled(pairs, inversion, {place: kept[place] for place in shown}, scorer.metrics())


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


def _drawn(
    title: str, labels: ImageLabels, truth: ImageLabels, picture: Pixels, schema: LabelSchema
) -> Row:
    """Labels as cells: the mask (else the picture) with the keypoints on it, and the depth beside it.

    Depth is shaded as its truth is, so that the two can be compared.
    """
    cells: Row = {}
    if labels.mask is not None or labels.points is not None:
        below = picture if labels.mask is None else colored(labels.mask, schema)
        cells[title] = below if labels.points is None else draw_points(below, labels.points)
    if labels.depth is not None:
        like = labels.depth if truth.depth is None or np.isnan(truth.depth).all() else truth.depth
        cells[f"depth: {title}"] = shaded(labels.depth, like)
    return cells
