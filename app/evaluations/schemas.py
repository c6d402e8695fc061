"""The body of `POST /v1/evaluations`, and the view of an evaluation."""

from collections import Counter
from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.http.links import Links
from app.http.requests import Exchange
from app.jobs.answers import NOT_SHOWN, envelope
from app.jobs.service import JobState
from contracts.base import Artefact, Model, Seed, Sha256, Timestamp
from contracts.evaluations.evaluation import (
    EvaluationManifest,
    EvaluationMetrics,
    EvaluationOptions,
    EvaluationRequest,
    EvaluationWarning,
    ResolvedEvaluationOptions,
)
from contracts.evaluations.report import ArmName, EvaluationReport
from contracts.fits.fit import PinnedLabelset
from contracts.ids import FitId, LabelingId, LabelsetId
from contracts.jobs import ExpiresAfter, JobEnvelope, JobRef, JobStatus
from contracts.labelings import PinnedLabeling
from contracts.recipes.recipe import PinnedFit
from contracts.schemas import LabelSchema
from state import keys
from state.store import Store


class EvaluationCreate(Model):
    """The body of `POST /v1/evaluations`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "fit": "fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
                    "heldout_labelset": "labelset_0192f0c1a5b37c8e9d1f2a3b4c5d6e80",
                    "options": {"synthetic_counts": [300, 1_000, 3_000], "num_seeds": 3},
                }
            ]
        }
    )

    fit: FitId
    heldout_labelset: LabelsetId
    labelset: LabelsetId | None = None
    oracle_labelset: LabelsetId | None = None
    labeling: LabelingId | None = None
    seed: Seed = 0
    name: Annotated[str, Field(max_length=200)] = ""
    options: EvaluationOptions = EvaluationOptions()
    expires_after_seconds: ExpiresAfter | None = None

    def for_fingerprint(self) -> dict[str, Any]:
        """Return the body as JSON for the fingerprint of an Idempotency-Key, without later options that are absent."""
        later = ("labeling", "expires_after_seconds")
        absent = {name for name in later if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude=absent)


class ArmProgress(Model):
    """How many of the trainings of one arm have ended."""

    arm: ArmName
    done: int
    total: int


class ReportFile(Model):
    """A file of a report. `url` is valid until `expires_at`."""

    name: str
    num_bytes: int
    sha256: Sha256
    url: str
    expires_at: Timestamp


class EvaluationView(JobEnvelope[EvaluationMetrics]):
    """An evaluation: the job, and the report once it has succeeded. `files` are the report in several formats."""

    kind: Literal["evaluation"] = "evaluation"
    name: str
    seed: Seed
    fit: PinnedFit
    labelset: PinnedLabelset
    heldout_labelset: PinnedLabelset
    oracle_labelset: PinnedLabelset | None
    labeling: PinnedLabeling | None
    labels: LabelSchema
    options: ResolvedEvaluationOptions
    render_version: int
    warnings: tuple[EvaluationWarning, ...]
    arms: tuple[ArmProgress, ...]
    report: EvaluationReport | None = None
    files: tuple[ReportFile, ...] = ()


def show_evaluation(state: JobState, exchange: Exchange) -> EvaluationView:
    """Return the view of an evaluation."""
    request, manifest = state.record.request, state.record.manifest
    assert isinstance(request, EvaluationRequest)
    assert isinstance(manifest, EvaluationManifest | None)
    fields = request.model_dump(exclude={*NOT_SHOWN})
    files = manifest.files if manifest else {}
    if state.status is JobStatus.SUCCEEDED:
        finished = {unit.name for unit in request.units}  # without a listing of the store
    else:
        finished = _finished_units(exchange.services.store, request.ref)
    return EvaluationView.model_validate(
        {
            **envelope(state, exchange.links),
            **fields,
            "arms": arm_progress(request, finished),
            "metrics": manifest.metrics if manifest else None,
            "report": manifest.report if manifest else None,
            "files": [_show_file(name, one, exchange.links) for name, one in files.items()],
        }
    )


def arm_progress(request: EvaluationRequest, finished: Collection[str]) -> tuple[ArmProgress, ...]:
    """Return the progress of each arm. `finished` are the names of the units whose scores are stored."""
    totals = Counter(unit.arm for unit in request.units)
    done = Counter(unit.arm for unit in request.units if unit.name in finished)
    return tuple(ArmProgress(arm=arm, done=done[arm], total=totals[arm]) for arm in totals)


def _show_file(name: str, file: Artefact, links: Links) -> ReportFile:
    link = links.file(file)
    return ReportFile(
        name=name,
        num_bytes=file.num_bytes,
        sha256=file.sha256,
        url=link.url,
        expires_at=link.expires_at,
    )


def _finished_units(store: Store, ref: JobRef) -> set[str]:
    """Return the names of the units whose scores are stored."""
    infos = store.list(keys.evaluation_units(ref))
    return {info.key.rpartition("/")[2].removesuffix(".npz") for info in infos}
