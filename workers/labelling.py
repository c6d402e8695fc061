"""A label generator set to images whose labels are known: its predictions, their score, and rows for the eye."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from contracts.fits import InvertedImage
from contracts.schemas import LabelSchema
from models.labels.label_generator import LabelGenerator
from models.labels.metrics import ConfusionMatrix
from workers.images import Pixels, to_masks
from workers.inverting import Inverted
from workers.jobs import Run
from workers.pairs import Pairs
from workers.sheets import coloured

@dataclass(frozen=True)
class Labelled:
    """Labelled images, their inversion, and the masks that the label generator gives their codes."""

    pairs: Pairs
    inversion: Inverted
    predictions: tuple[Pixels, ...]
    labels: LabelSchema

    @property
    def psnr_db(self) -> float:
        """The mean over the images."""
        return fmean(self.inversion.psnr_db)

    def judged_images(self) -> tuple[InvertedImage, ...]:
        """How well the generator expresses each image."""
        return self.inversion.judged(self.pairs.names)

    def confusion(self) -> ConfusionMatrix:
        """Predictions against labels, pixels pooled over all images."""
        confusion = ConfusionMatrix(self.labels.num_classes)
        for prediction, mask in zip(self.predictions, self.pairs.masks, strict=True):
            truth = to_masks([mask], self.pairs.ignore_index)
            confusion.add(torch.from_numpy(prediction)[None], truth)
        return confusion

    def mean_iou(self) -> float | None:
        """Mean IoU over the classes that the labels contain; None when every pixel is ignored."""
        value = self.confusion().mean_iou()
        return None if math.isnan(value) else value

    def class_iou(self) -> dict[str, float | None]:
        """The IoU of each class; None for one that occurs in neither labels nor predictions."""
        values = self.confusion().iou().tolist()
        named = zip(self.labels.classes, values, strict=True)
        return {name: None if math.isnan(value) else value for name, value in named}

    def sheet_rows(self, num_rows: int) -> list[list[Pixels]]:
        """The first images as rows of real picture, reconstruction, label, prediction."""
        shown = slice(num_rows)
        rows = zip(
            self.pairs.images[shown],
            self.inversion.reconstructions[shown],
            self.pairs.masks[shown],
            self.predictions[shown],
            strict=True,
        )
        return [[real, made, coloured(mask), coloured(guess)] for real, made, mask, guess in rows]


def label_codes(
    run: Run, stage: str, label_generator: LabelGenerator, ws: Tensor, *, digest: str
) -> tuple[Pixels, ...]:
    """The mask that each code gets, micro-batch by micro-batch; `digest` is the generator's."""

    def work(chunk: Sequence[int]) -> list[Pixels]:
        return list(label_generator.render(ws[list(chunk)]).masks.numpy())

    predictions: list[Pixels] = []
    for masks in run.machine.micro_batches.run("labelling", digest, range(len(ws)), work):
        predictions += masks
        run.step(stage, len(predictions), len(ws))
    return tuple(predictions)
