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
    """Labelled images, their inversion, predicted labels of some of them, and the score on all.

    `predictions` has the images that the sheet shows, by their place, in the order of the sheet.
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
        """Return how well the generator expresses each image."""
        return self.inversion.judged(self.pairs.names)

    def sheet_rows(self) -> list[SheetRow]:
        """Return rows of picture, reconstruction, labels and predictions; the order is that of `shown_places`."""
        return [self._sheet_row(place) for place in self.predictions]

    def _sheet_row(self, place: int) -> SheetRow:
        real, copy = self.pairs.images[place], self.inversion.reconstructions[place]
        truth, guess = self.pairs.labels[place], self.predictions[place]
        agreed = agreement(self.pairs.codecs, guess, truth)
        return SheetRow(
            cells={
                "real": real,
                "reconstruction": copy,
                **_drawn("label", truth, truth, real, self.pairs),
                **_drawn("prediction", guess, truth, copy, self.pairs),
            },
            name=self.pairs.names[place],
            facts=(f"PSNR {self.inversion.psnr_db[place]:.1f} dB", *agreed),
            warning="" if self.inversion.are_expressible[place] else "not expressible",
        )


def sheet_title(what: str, labelled: Labelled) -> str:
    """Return what a column of the sheet shows, and how many of the images."""
    shown, total = len(labelled.predictions), len(labelled.pairs)
    return what if shown == total else f"{what} ({shown} of {total})"


def shown_places(are_expressible: Sequence[bool]) -> list[int]:
    """Return the images that a sheet shows: first those that the generator cannot express, each group in its order."""
    places = sorted(range(len(are_expressible)), key=lambda place: are_expressible[place])
    return places[:MAX_ROWS]


def agreement(codecs: Sequence[TaskCodec], guess: ImageLabels, truth: ImageLabels) -> list[str]:
    """Return lines that say how far the predicted labels of one image agree with its own."""
    return [
        line for codec in codecs for line in codec.agreement(guess[codec.name], truth[codec.name])
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
    """Label the code of every image, micro-batch by micro-batch, and score it; `digest` is the generator's.

    Only the labels for the sheet are kept: at 1024 px those of all images with their probabilities would be gigabytes.
    """
    scorer = Scorer(pairs.codecs, pairs.schema, pairs.px)
    shown = shown_places(inversion.are_expressible)
    kept: dict[int, ImageLabels] = {}
    num_done = 0

    def work(chunk: Sequence[int]) -> Rendered:
        return label_generator.render(inversion.codes[list(chunk)])

    batches, images = run.machine.micro_batches, range(len(pairs))
    most = batches.most(label_generator.image_bytes)
    for rendered in batches.run("labelling", digest, images, work, largest=most):
        places = range(num_done, num_done + len(rendered))
        scorer.add(rendered, pairs.label_tensors(places))
        labels = predicted(pairs.codecs, rendered)
        kept.update({place: labels[place - num_done] for place in places if place in shown})
        num_done += len(rendered)
        run.step(stage, num_done, len(pairs))
    return Labelled(pairs, inversion, {place: kept[place] for place in shown}, scorer.metrics())


def predicted(codecs: Sequence[TaskCodec], rendered: Rendered) -> list[ImageLabels]:
    """Return rendered labels image by image."""
    return [
        {codec.name: codec.predicted(rendered.labels[codec.name], place) for codec in codecs}
        for place in range(len(rendered))
    ]


def _drawn(
    title: str, labels: ImageLabels, truth: ImageLabels, picture: Pixels, pairs: Pairs
) -> Row:
    """Return labels as cells: the picture under all overlays, then a cell for each label that is a picture itself."""
    cells: Row = {}
    below = picture
    for codec in pairs.codecs:
        drawn = codec.overlay(below, labels[codec.name], pairs.schema)
        if drawn is not None:
            cells[title] = below = drawn
    for codec in pairs.codecs:
        cell = codec.cell(labels[codec.name], truth[codec.name])
        if cell is not None:
            cells[f"{codec.name}: {title}"] = cell
    return cells
