"""The result of a fit: its artefacts, the contact sheet, and the metrics of its quality.

Each attempt writes into a separate folder, so a second, late attempt overwrites nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.base import Artefact, now
from contracts.digests import digest_of
from contracts.fits.fit import FitManifest, FitRequest
from contracts.fits.metrics import (
    Estimate,
    FitMetrics,
    GeneratedShares,
    HeldOut,
    ImagePart,
    RealComparison,
    TrainingPoint,
)
from contracts.ids import uuid7_hex
from contracts.jobs import JobRef, JobStatus
from contracts.labelsets import LabelsetManifest
from models.inversion.framing import Framing
from models.labels.ensemble import Ensemble
from models.labels.losses import LossPoint
from models.serialization import pack, pack_network
from state import keys
from state.store import Store
from workers.fitting.checks.advice import advise
from workers.fitting.checks.warnings import warn
from workers.fitting.labelling import Labelled, sheet_title
from workers.fitting.sheets import encode_sheet, legend_of
from workers.runtime.artefacts import write_artefact, write_weights
from workers.runtime.jobs import Run

_LOSS_DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class FitQuality:
    """The measured quality of a fit, and how it was made. `labelset` is the training labelset."""

    labelset: LabelsetManifest
    training: Labelled
    heldout: Labelled | None
    estimate: Estimate | None
    comparison: RealComparison | None
    generated: GeneratedShares | None
    min_tap_px: int
    flips: bool
    framing: Framing
    perceptual_sha256: str | None
    losses: Sequence[LossPoint]


def write_result(
    run: Run, request: FitRequest, ensemble: Ensemble, quality: FitQuality
) -> FitManifest:
    """Store the attempt's artefacts and return the manifest that pins them."""
    run.check_cancelled()
    attempt = Attempt(run.machine.store, run.ref, uuid7_hex())
    tensors, config = pack_network(ensemble, ensemble.config.to_dict())
    weights = write_weights(
        attempt.store, tensors, config, lambda _, suffix: attempt.key(f"ensemble.{suffix}")
    )
    codes = pack({"codes": quality.training.inversion.codes})
    return FitManifest(
        status=JobStatus.SUCCEEDED,
        started_at=run.started_at,
        finished_at=now(),
        attempt=attempt.id,
        digest=digest_of([request.generator.digest, weights.digest]),
        ensemble=weights,
        latents=attempt.write("latents.safetensors", codes, "application/octet-stream"),
        sheet=attempt.write("fit.png", _sheet(quality), "image/png"),
        metrics=_metrics(request, quality, run.stage_seconds),
    )


def is_as_uploaded(request: FitRequest) -> bool:
    """Return whether the fit uses its images uncropped."""
    return request.options.framing == "none"


@dataclass(frozen=True)
class Attempt:
    """The folder of one attempt in the store."""

    store: Store
    ref: JobRef
    id: str

    def key(self, name: str) -> str:
        return keys.attempt(self.ref, self.id, name)

    def write(self, name: str, data: bytes, media_type: str) -> Artefact:
        """Store one file of the attempt."""
        return write_artefact(self.store, self.key(name), data, media_type)


def _sheet(quality: FitQuality) -> bytes:
    training, heldout = quality.training, quality.heldout
    columns = {sheet_title("Training images", training): training.sheet_rows()}
    if heldout is not None:
        columns[sheet_title("Held-out images", heldout)] = heldout.sheet_rows()
    return encode_sheet(columns, legend_of(training.pairs.codecs, training.pairs.schema))


def _metrics(
    request: FitRequest, quality: FitQuality, stage_seconds: dict[str, float]
) -> FitMetrics:
    training = quality.training
    images = training.inverted_images()
    framing = quality.framing.advice if is_as_uploaded(request) else None
    labelset = quality.labelset.only(request.labels.tasks)
    advice = advise(training.pairs.codecs, labelset, images, quality.estimate)
    return FitMetrics(
        reconstruction_psnr_db=training.psnr_db,
        images=images,
        training_miou=training.metrics.miou,
        training=training.metrics,
        heldout=None if quality.heldout is None else _heldout_metrics(quality.heldout),
        estimate=quality.estimate,
        comparison=quality.comparison,
        generated=quality.generated,
        warnings=warn(training.pairs.codecs, quality.comparison, quality.generated),
        advice=(framing, *advice) if framing else advice,
        framing=_part(quality.framing),
        min_tap_px=quality.min_tap_px,
        flips=quality.flips,
        perceptual_sha256=quality.perceptual_sha256,
        training_curve=tuple(
            TrainingPoint(step=point.step, loss=round(point.loss, _LOSS_DIGITS))
            for point in quality.losses
        ),
        stage_seconds={stage: round(seconds, 3) for stage, seconds in stage_seconds.items()},
    )


def _part(framing: Framing) -> ImagePart | None:
    if framing == Framing():
        return None
    left, top, right, bottom = framing.box
    return ImagePart(left=left, top=top, right=right, bottom=bottom)


def _heldout_metrics(heldout: Labelled) -> HeldOut:
    return HeldOut(
        **dict(heldout.metrics),
        num_images=len(heldout.pairs),
        reconstruction_psnr_db=heldout.psnr_db,
        images=heldout.inverted_images(),
    )
