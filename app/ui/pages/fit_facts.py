"""What the page of a fit shows about its quality: scores with intervals, the curve of its training, its images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.fits.schemas import FitView
from app.labelsets import service as labelsets
from app.ui.charts import curve
from app.ui.visits import Visit
from contracts.errors.tree import Gone, NotFound, RecordDamaged
from contracts.fits.metrics import (
    FitMetrics,
    ImageEstimate,
    InvertedImage,
    ScoreInterval,
    TaskMetrics,
    TraitShare,
)

_MAX_SHOWN = 24


@dataclass(frozen=True)
class Scored:
    """A score of a class or keypoint, its 95% interval, and the number of images behind it; None for unknown."""

    value: float | None = None
    interval: ScoreInterval | None = None
    num_images: int | None = None


@dataclass(frozen=True)
class Quality:
    """One class or keypoint: its scores, and its share in labelled and in generated images.

    `index` is that of a class; a keypoint has none.
    """

    name: str
    index: int | None
    estimate: Scored
    heldout: Scored
    share: TraitShare | None

    @property
    def is_scored(self) -> bool:
        return any(one is not None for one in (self.estimate.value, self.heldout.value, self.share))


@dataclass(frozen=True)
class Shown:
    """A labelled image: its place in the labelset if that still exists, its reconstruction, and its scores."""

    name: str
    place: int | None
    inverted: InvertedImage | None
    scores: ImageEstimate | None


def facts(visit: Visit, fit: FitView) -> dict[str, object]:
    """Return the values of the template of a fit; empty ones for a fit that has not succeeded."""
    metrics = fit.metrics
    if metrics is None:
        return {"classes": [], "points": [], "curve": None, "worst": [], "flagged": [], "rest": []}
    places = _places(visit, fit)
    images = {image.name: image for image in metrics.images}
    scores = metrics.estimate.worst_images if metrics.estimate else ()

    def shown(image: InvertedImage) -> Shown:
        return Shown(image.name, places.get(image.name), image, None)

    rest = sorted(
        (one for one in metrics.images if one.is_expressible), key=lambda one: one.psnr_db
    )
    return {
        "classes": _classes(fit, metrics),
        "points": _points(fit, metrics),
        "curve": curve(metrics.training_curve),
        "worst": [
            Shown(one.name, places.get(one.name), images.get(one.name), one) for one in scores
        ],
        "flagged": [shown(one) for one in metrics.images if not one.is_expressible],
        "rest": [shown(one) for one in rest[:_MAX_SHOWN]],
    }


def _classes(fit: FitView, metrics: FitMetrics) -> list[Quality]:
    def scored(source: TaskMetrics | None, name: str) -> Scored:
        if source is None:
            return Scored()
        return Scored(
            source.class_iou.get(name),
            source.class_intervals.get(name),
            source.class_images.get(name),
        )

    rows = _rows(metrics, "segmentation", fit.labels.classes, scored)
    return [replace(row, index=index) for index, row in enumerate(rows)]


def _points(fit: FitView, metrics: FitMetrics) -> list[Quality]:
    def scored(source: TaskMetrics | None, name: str) -> Scored:
        found = source.keypoints if source is not None else None
        if found is None:
            return Scored()
        return Scored(
            found.point_pck.get(name),
            found.point_intervals.get(name),
            found.point_images.get(name),
        )

    names: Sequence[str] = fit.labels.keypoints.names if fit.labels.keypoints else ()
    return _rows(metrics, "keypoints", names, scored)


def _rows(
    metrics: FitMetrics,
    task: str,
    names: Sequence[str],
    scored: Callable[[TaskMetrics | None, str], Scored],
) -> list[Quality]:
    """Return a row for each class or keypoint of a task."""
    shares = _shares(metrics, task)
    return [
        Quality(
            name,
            None,
            scored(metrics.estimate, name),
            scored(metrics.heldout, name),
            shares.get(name),
        )
        for name in names
    ]


def _shares(metrics: FitMetrics, task: str) -> Mapping[str, TraitShare]:
    return metrics.generated.tasks.get(task, {}) if metrics.generated else {}


def _places(visit: Visit, fit: FitView) -> dict[str, int]:
    """Return the place of each image in the labelset; nothing after the labelset was deleted."""
    try:
        labelset = labelsets.find(visit.services, visit.tenant, fit.labelset.id)
    except (NotFound, Gone, RecordDamaged):
        return {}
    return {entry.name: place for place, entry in enumerate(labelset.entries)}
