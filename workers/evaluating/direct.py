"""Scores the rival that trains no network: the fit itself labels the held-out images."""

from collections.abc import Iterator
from dataclasses import replace

from contracts.evaluations.evaluation import EvaluationRequest
from models.downstream.pairs import Pairs
from models.labels.label_generator import LabelGenerator
from models.tasks.task_set import TaskSet
from workers.codecs.task import Px
from workers.evaluating.gathering import RealPairs
from workers.evaluating.scoring import ImageScores, Predictions, score_batches
from workers.labeling.labeler import Labeler
from workers.runtime.jobs import Run


def score_directly(
    run: Run, request: EvaluationRequest, real: RealPairs, heldout: Pairs, tasks: TaskSet
) -> ImageScores:
    """Return the scores of the fit's own labels, at the size of the networks.

    The images have the generator's size, and its labels are read from its features at that of the networks. Raises
    `InputMissing` when the fit, its generator or its inverter is gone.
    """
    labeler = Labeler.open(run.machine, request.tenant, request.fit)
    images = real.read(request.heldout_labelset, labeler.px)
    labeler = _at(labeler, heldout.px)

    def predictions() -> Iterator[Predictions]:
        for labelled in labeler.label(images, run.step):
            yield labelled.rendered.labels

    return score_batches(predictions(), heldout.labels, tasks)


def _at(labeler: Labeler, px: Px) -> Labeler:
    """Return the same labeler with labels of (height, width)."""
    own = labeler.label_generator
    return replace(labeler, label_generator=LabelGenerator(own.generator, own.ensemble, px))
