"""A label generator applied to labelled images: its score, and rows of the contact sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from contracts.fits.metrics import InvertedImage, TaskMetrics
from models.labels.label_generator import LabelGenerator, Rendered
from workers.codecs.images import Pixels
from workers.codecs.task import ImageLabels, TaskCodec
from workers.fitting.inverting import Inverted
from workers.fitting.pairs import Pairs
from workers.fitting.scoring import Scorer
from workers.fitting.sheets import MAX_ROWS, Row, SheetRow
from workers.runtime.jobs import Run


@dataclass(frozen=True)
class Labelled:
    """Labelled images, their inversion, the predicted labels of some, and the score on all.

    `predictions` maps the index of each image on the sheet to its labels, in the order of the sheet.
    """

    pairs: Pairs
    inversion: Inverted
    predictions: Mapping[int, ImageLabels]
    metrics: TaskMetrics

    @property
    def psnr_db(self) -> float:
        """The mean PSNR of the reconstructions."""
        return fmean(self.inversion.psnr_db)

    def inverted_images(self) -> tuple[InvertedImage, ...]:
        """Return how well the generator expresses each image."""
        return self.inversion.by_image(self.pairs.names)

    def sheet_rows(self) -> list[SheetRow]:
        """Return rows of picture, reconstruction, labels and predictions; the order is that of `shown_indices`."""
        return [self._sheet_row(index) for index in self.predictions]

    def _sheet_row(self, index: int) -> SheetRow:
        image, reconstruction = self.pairs.images[index], self.inversion.reconstructions[index]
        truth, prediction = self.pairs.labels[index], self.predictions[index]
        agreed = agreement(self.pairs.codecs, prediction, truth)
        return SheetRow(
            cells={
                "real": image,
                "reconstruction": reconstruction,
                **_drawn("label", truth, truth, image, self.pairs),
                **_drawn("prediction", prediction, truth, reconstruction, self.pairs),
            },
            name=self.pairs.names[index],
            facts=(f"PSNR {self.inversion.psnr_db[index]:.1f} dB", *agreed),
            warning="" if self.inversion.are_expressible[index] else "not expressible",
        )


def sheet_title(title: str, labelled: Labelled) -> str:
    """Return the title of a column, with the number of shown images if not all are shown."""
    shown, total = len(labelled.predictions), len(labelled.pairs)
    return title if shown == total else f"{title} ({shown} of {total})"


def shown_indices(are_expressible: Sequence[bool]) -> list[int]:
    """Return the images that a sheet shows: first those that the generator cannot express, each group in its order."""
    indices = sorted(range(len(are_expressible)), key=lambda index: are_expressible[index])
    return indices[:MAX_ROWS]


def agreement(
    codecs: Sequence[TaskCodec], prediction: ImageLabels, truth: ImageLabels
) -> list[str]:
    """Return lines on the agreement of one image's predicted labels with its true labels."""
    return [
        line
        for codec in codecs
        for line in codec.agreement(prediction[codec.name], truth[codec.name])
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
    """Label the code of every image, micro-batch by micro-batch, and score it. `digest` is the generator's.

    Only the labels for the sheet are kept: at 1024 px, all labels with their probabilities would take gigabytes.
    """
    scorer = Scorer(pairs.codecs, pairs.schema, pairs.px)
    shown = shown_indices(inversion.are_expressible)
    kept: dict[int, ImageLabels] = {}
    num_done = 0

    def work(chunk: Sequence[int]) -> Rendered:
        return label_generator.render(inversion.codes[list(chunk)])

    batches, images = run.machine.micro_batches, range(len(pairs))
    largest = batches.max_size(label_generator.image_bytes)
    for rendered in batches.run("labelling", digest, images, work, largest=largest):
        indices = range(num_done, num_done + len(rendered))
        scorer.add(rendered.labels, pairs.label_tensors(indices))
        labels = predicted(pairs.codecs, rendered)
        kept.update({index: labels[index - num_done] for index in indices if index in shown})
        num_done += len(rendered)
        run.step(stage, num_done, len(pairs))
    return Labelled(pairs, inversion, {index: kept[index] for index in shown}, scorer.metrics())


def predicted(codecs: Sequence[TaskCodec], rendered: Rendered) -> list[ImageLabels]:
    """Return rendered labels image by image."""
    return [
        {codec.name: codec.predicted(rendered.labels[codec.name], index) for codec in codecs}
        for index in range(len(rendered))
    ]


def _drawn(
    title: str, labels: ImageLabels, truth: ImageLabels, picture: Pixels, pairs: Pairs
) -> Row:
    """Return labels as cells: the picture under all overlays, then a cell for each label that is a picture itself."""
    cells: Row = {}
    base = picture
    for codec in pairs.codecs:
        drawn = codec.overlay(base, labels[codec.name], pairs.schema)
        if drawn is not None:
            cells[title] = base = drawn
    for codec in pairs.codecs:
        cell = codec.cell(labels[codec.name], truth[codec.name])
        if cell is not None:
            cells[f"{codec.name}: {title}"] = cell
    return cells
