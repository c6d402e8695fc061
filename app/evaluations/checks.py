"""What must be true of an evaluation's inputs: same tasks and classes, and no held-out image in a training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.fits.flaws import aspect_flaws, condition_flaws, meaning_flaws
from contracts.errors.tree import Flaw, InvalidRequest
from contracts.evaluations.evaluation import (
    FEW_HELDOUT_IMAGES,
    FEW_SEEDS,
    EvaluationWarning,
    ResolvedEvaluationOptions,
)
from contracts.evaluations.networks import SmpNetwork, network_name
from contracts.evaluations.report import ArmName
from contracts.fits.fit import FitRequest
from contracts.generators.generator import StoredGenerator
from contracts.labelings import LabelingManifest
from contracts.labelsets import LabelsetManifest
from contracts.schemas import TASK_NAMES, LabelSchema, TaskName

MIN_HELDOUT_IMAGES = 2
"""An interval over images needs two of them."""

INPUT_OF_ARM: Mapping[ArmName, str] = {"oracle": "oracle_labelset", "labelled": "labeling"}
"""The arms that need a field of the request, in the order in which they are added to the default arms."""
_MEANINGS: Mapping[ArmName, str] = {
    "oracle": "all real pairs that you have",
    "labelled": "your own images, labelled by the fit with POST /v1/labelings",
}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """A succeeded fit, its generator, the labelsets, and a labeling of the same fit.

    `fitted` is the fit's own labelset, None if it is deleted.
    """

    fit: FitRequest
    generator: StoredGenerator
    training: LabelsetManifest
    heldout: LabelsetManifest
    oracle: LabelsetManifest | None
    fitted: LabelsetManifest | None
    labeling: LabelingManifest | None = None

    def flaws(self, tasks: Sequence[TaskName]) -> Iterator[Flaw]:
        """Yield the flaws of all labelsets."""
        named = {
            "/labelset": self.training,
            "/heldout_labelset": self.heldout,
            "/oracle_labelset": self.oracle,
        }
        for pointer, labelset in named.items():
            if labelset is not None:
                yield from aspect_flaws(pointer, labelset, self.generator)
                yield from condition_flaws(pointer, labelset, self.generator)
                yield from _task_flaws(pointer, labelset, self.fit.labels.only(tasks))
        yield from self._size_flaws(tasks)
        yield from self._overlap_flaws()

    def _size_flaws(self, tasks: Sequence[TaskName]) -> Iterator[Flaw]:
        num_heldout = len(self.heldout.only(tasks).entries)
        if num_heldout < MIN_HELDOUT_IMAGES:
            detail = (
                f"Expected at least {MIN_HELDOUT_IMAGES} held-out images with labels for {', '.join(tasks)}, got"
                f" {num_heldout}; use {FEW_HELDOUT_IMAGES} or more."
            )
            yield Flaw(pointer="/heldout_labelset", detail=detail)
        if self.oracle and len(self.oracle.entries) <= len(self.training.entries):
            detail = (
                f"Expected more images than the {len(self.training.entries)} of {self.training.id}, got"
                f" {len(self.oracle.entries)}. The oracle shows what more real labels bring: give all that you have."
            )
            yield Flaw(pointer="/oracle_labelset", detail=detail)

    def _overlap_flaws(self) -> Iterator[Flaw]:
        """Yield the held-out images that some network or the label generator trains on, by the digest of the pixels."""
        trained = {one.id: one for one in (self.training, self.fitted, self.oracle) if one}
        for labelset in trained.values():
            names = {entry.image.sha256: entry.name for entry in labelset.entries}
            for entry in self.heldout.entries:
                if entry.image.sha256 in names:
                    detail = (
                        f"Image '{entry.name}' is also in {labelset.id}, as '{names[entry.image.sha256]}', which"
                        " trains. Its score would be too high: leave it out of one of the two, and upload that labelset"
                        " again."
                    )
                    yield Flaw(pointer="/heldout_labelset", file=entry.name, detail=detail)


def labels_of(inputs: Inputs) -> LabelSchema:
    """Return the schema of the tasks to compare: those of the fit with held-out labels. Raises `InvalidRequest`."""
    learnt = inputs.fit.labels
    measured = [task for task in learnt.tasks if task in TASK_NAMES]
    if not measured:
        detail = (
            f"Evaluations measure {', '.join(TASK_NAMES)}, but the fit learns {', '.join(learnt.tasks)}. Name a fit"
            " that learns one of these."
        )
        raise InvalidRequest.at("/fit", detail)
    labelled = _labelled_tasks(inputs.heldout)
    tasks = [task for task in measured if task in labelled]
    if not tasks:
        detail = (
            f"It has labels for {', '.join(labelled)}, but the fit learns {', '.join(measured)}. Upload one that has"
            " labels for one of these."
        )
        raise InvalidRequest.at("/heldout_labelset", detail)
    return learnt.only(tasks)


def option_flaws(
    options: ResolvedEvaluationOptions, inputs: Inputs, tasks: Sequence[TaskName]
) -> Iterator[Flaw]:
    """Yield arms without their input, inputs without effect, and a network that cannot learn the tasks."""
    given = {"oracle": inputs.oracle is not None, "labelled": inputs.labeling is not None}
    for arm, field in INPUT_OF_ARM.items():
        if arm in options.arms and not given[arm]:
            detail = (
                f"The arm {arm} needs {field}: {_MEANINGS[arm]}. Give it, or leave the arm out."
            )
            yield Flaw(pointer="/options/arms", detail=detail)
        if given[arm] and arm not in options.arms:
            detail = (
                f"Expected no {field} without the arm {arm}. Add the arm, or leave {field} out."
            )
            yield Flaw(pointer=f"/{field}", detail=detail)
    others = [task for task in tasks if task != "segmentation"]
    if isinstance(options.network, SmpNetwork) and others:
        detail = (
            f"{network_name(options.network)} learns masks alone, but the held-out images have labels for"
            f" {', '.join(others)}. Use the network 'unet', or a heldout_labelset with masks alone."
        )
        yield Flaw(pointer="/options/network", detail=detail)


def warnings_of(
    options: ResolvedEvaluationOptions, inputs: Inputs, tasks: Sequence[TaskName]
) -> Iterator[EvaluationWarning]:
    """Yield what makes the report less certain."""
    num_heldout = len(inputs.heldout.only(tasks).entries)
    if num_heldout < FEW_HELDOUT_IMAGES:
        yield EvaluationWarning(
            code="few_heldout_images",
            detail=(
                f"{num_heldout} held-out images are too few for a clear verdict: intervals will be wide. Use"
                f" {FEW_HELDOUT_IMAGES} or more."
            ),
        )
    if options.num_seeds < FEW_SEEDS:
        yield EvaluationWarning(
            code="few_seeds",
            detail=(
                f"{options.num_seeds} trainings of each arm do not show how much a result depends on the seed. Use"
                f" {FEW_SEEDS} or more."
            ),
        )
    if inputs.fitted is None:
        yield EvaluationWarning(
            code="training_images_unknown",
            detail=(
                f"The fit's labelset {inputs.fit.labelset.id} is deleted, so it is unknown whether a held-out image"
                " is in it too."
            ),
        )


def _task_flaws(pointer: str, labelset: LabelsetManifest, labels: LabelSchema) -> Iterator[Flaw]:
    """Yield the tasks that a labelset has no labels for, and labels with another meaning."""
    missing = [task for task in labels.tasks if task not in _labelled_tasks(labelset)]
    if missing:
        detail = (
            f"{labelset.id} has no labels for {', '.join(missing)}, which the held-out images have. Upload one with"
            f" labels for {', '.join(labels.tasks)}."
        )
        yield Flaw(pointer=pointer, detail=detail)
        return
    yield from meaning_flaws(pointer, labels, labelset.labels.only(labels.tasks), owner="the fit")


def _labelled_tasks(labelset: LabelsetManifest) -> tuple[TaskName, ...]:
    """Return the tasks that at least one image has a label for."""
    return tuple(task for task in labelset.labels.tasks if labelset.num_labelled(task))
