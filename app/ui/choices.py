"""The resources that a form offers: their ids, with a name and facts that tell them apart."""

from collections.abc import Callable
from dataclasses import dataclass

from app.batches.schemas import show_batch
from app.fits.schemas import show_fit
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.labelings.schemas import show_labeling
from app.labelsets import service as labelsets
from app.ui.formatting import ago, short
from app.ui.visits import Visit
from contracts.jobs import JobStatus
from contracts.labelsets import LabelsetManifest

MAX_CHOICES = 100


@dataclass(frozen=True)
class Choice:
    """One option of a list."""

    id: str
    text: str


def labelset_choices(visit: Visit) -> list[Choice]:
    """Return the newest labelsets."""

    def show(labelset: LabelsetManifest) -> Choice:
        about = f"{len(labelset.entries)} images, {', '.join(labelset.labels.tasks)}"
        name = labelset.name or short(labelset.id)
        return Choice(labelset.id, f"{name} – {about}, {ago(labelset.created_at)}")  # noqa: RUF001

    page = labelsets.list_page(
        visit.services, visit.tenant, limit=MAX_CHOICES, after=None, show=show
    )
    return list(page.items)


def fit_choices(visit: Visit) -> list[Choice]:
    """Return the newest fits that have succeeded."""

    def show(state: JobState) -> Choice:
        fit = show_fit(state, visit.exchange)
        name = fit.name or short(fit.id)
        about = f"{fit.generator.id}, {', '.join(fit.labels.tasks)}"
        return Choice(fit.id, f"{name} – {about}, {ago(fit.created_at)}")  # noqa: RUF001

    return _succeeded(visit, "fit", show)


def labeling_choices(visit: Visit) -> list[Choice]:
    """Return the newest labelings that have succeeded."""

    def show(state: JobState) -> Choice:
        labeling = show_labeling(state, visit.exchange)
        num_images = labeling.metrics.num_samples if labeling.metrics else 0
        name = labeling.name or short(labeling.id)
        about = f"{num_images:,} images, {short(labeling.fit.id)}"
        return Choice(labeling.id, f"{name} – {about}, {ago(labeling.created_at)}")  # noqa: RUF001

    return _succeeded(visit, "labeling", show)


def batch_choices(visit: Visit) -> list[Choice]:
    """Return the newest batches that have succeeded."""

    def show(state: JobState) -> Choice:
        batch = show_batch(state, visit.exchange)
        about = f"seed {batch.seed}, {short(batch.fit.id)}"
        return Choice(batch.id, f"{batch.n:,} samples – {about}, {ago(batch.created_at)}")  # noqa: RUF001

    return _succeeded(visit, "batch", show)


def _succeeded(visit: Visit, kind: str, show: Callable[[JobState], Choice]) -> list[Choice]:
    """Return the newest jobs of a kind that have succeeded."""
    page = jobs.list_page(
        visit.services,
        visit.tenant,
        kind,
        limit=MAX_CHOICES,
        after=None,
        status=JobStatus.SUCCEEDED,
        show=show,
    )
    return list(page.items)
