"""The view of a generator's training in the API."""

from app.http.links import Links, SignedLink
from app.jobs.service import JobState
from app.services import Services
from contracts.base import Model
from contracts.generators.generator import GeneratorManifest, GeneratorRequest
from contracts.generators.training import TrainingOptions, TrainingReport
from state import keys, records


class SnapshotView(Model):
    """A measurement of a running training. `fd` is the distance FD-R: lower is better. `sheet` has 64 samples."""

    images_seen: int
    seconds: float
    fd: float
    losses: dict[str, float]
    sheet: SignedLink


class TrainingView(Model):
    """A generator's training: the options, what it found in the images and expects, and its state.

    All fields after the options are null or empty until the worker has checked the images.
    """

    options: TrainingOptions
    device: str | None = None
    height_px: int | None = None
    width_px: int | None = None
    num_images: int | None = None
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    expected_seconds: float | None = None
    images_seen: int | None = None
    total_images: int | None = None
    seconds: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    snapshots: tuple[SnapshotView, ...] = ()
    best_images_seen: int | None = None


def show_training(services: Services, state: JobState, links: Links) -> TrainingView | None:
    """Return the training of a generator; None for an imported one."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, GeneratorRequest)
    assert isinstance(manifest, GeneratorManifest | None)
    if request.training is None:
        return None
    report = manifest.training if manifest else None
    if report is None:  # it runs, or it ended without a result: the last report stays
        report = records.read_intact(
            services.store, keys.training_report(state.ref), TrainingReport
        )
    if report is None:
        return TrainingView(options=request.training)
    snapshots = [
        SnapshotView(
            **each.model_dump(exclude={"sheet"}),
            sheet=links.file(each.sheet),
        )
        for each in report.snapshots
    ]
    return TrainingView(
        options=request.training,
        **report.model_dump(exclude={"snapshots", "keeps_latest"}),
        snapshots=tuple(snapshots),
        best_images_seen=report.best.images_seen if report.best else None,
    )
