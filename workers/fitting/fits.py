"""A fit: labelled images in, a label generator out. Codes are found, an ensemble trained and scored, a sheet drawn.

Each attempt writes under a folder of its own, so a late twin of a killed worker overwrites nothing.
"""

from dataclasses import dataclass
from functools import partial

from contracts.base import Artefact, now
from contracts.digests import digest_of
from contracts.errors.jobs import InputMissing, JobFailed
from contracts.fits.fit import FitManifest, FitRequest, PinnedLabelset
from contracts.fits.metrics import Estimate, FitMetrics, HeldOut, ImagePart
from contracts.ids import uuid7_hex
from contracts.jobs import JobRef, JobStatus
from models.inversion.framing import Framing
from models.labels.ensemble import Ensemble
from models.labels.label_generator import LabelGenerator
from models.labels.training import EnsembleOptions
from models.serialization import pack, pack_network
from state import keys, records
from workers.fitting.advice import advise
from workers.fitting.choosing import choose_features
from workers.fitting.estimates import estimate
from workers.fitting.inverting import Inverter
from workers.fitting.labelling import Labelled, label_codes, sheet_title
from workers.fitting.pairs import Pairs, read_labelset
from workers.fitting.reframing import reframed
from workers.fitting.sheets import encode_sheet, legend_of
from workers.fitting.tasks import Trainer
from workers.runtime import jobs
from workers.runtime.artefacts import write_artefact, write_weights
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Runs the fit that `argument` names."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _fit)


def _fit(run: Run) -> FitManifest:
    """The fit, told in its steps. The manifest it returns is written last, by the caller."""
    request = _read_request(run)
    pairs = _read_pairs(run, request, request.labelset)
    _check_labelled(pairs)
    inverter = Inverter.open(run.machine, request)
    framing = inverter.find_framing(run.machine, pairs)
    pairs = _framed(request, pairs, framing)
    _check_labelled(pairs)
    inversion = inverter.invert(run, "inverting", pairs)
    trainer = Trainer(
        generator=inverter.generator,
        pairs=pairs,
        ws=inversion.ws,
        wanted=EnsembleOptions(
            **request.options.ensemble.model_dump(exclude_none=True),
            cache_bytes=run.machine.settings.feature_cache_bytes,
        ),
        seed=request.seed,
        micro_batches=run.machine.micro_batches,
        digest=request.generator.digest,
    )
    trainer, expected = _estimate(run, request, trainer)
    ensemble = trainer.train(trainer.wanted, run.steps("training"))
    label_generator = LabelGenerator(inverter.generator, ensemble)
    training = label_codes(
        run,
        "labelling",
        label_generator,
        pairs=pairs,
        inversion=inversion,
        digest=request.generator.digest,
    )
    heldout = _label_heldout(run, request, inverter, framing, label_generator=label_generator)
    judged = Judged(
        training=training,
        heldout=heldout,
        estimate=expected,
        min_tap_px=trainer.wanted.min_tap_px,
        framing=framing,
        perceptual_sha256=inverter.perceptual_sha256,
    )
    return _write(run, request, ensemble, judged)


def _read_request(run: Run) -> FitRequest:
    request = records.read(run.machine.store, keys.job_request(run.ref), FitRequest)
    if request is None:
        raise InputMissing(f"The request of '{run.ref}' is gone.")
    return request


def _read_pairs(run: Run, request: FitRequest, labelset: PinnedLabelset) -> Pairs:
    px = (request.generator.height_px, request.generator.width_px)
    return Pairs.read(run.machine, request.tenant, labelset, fit=request.labels, px=px)


def _check_labelled(pairs: Pairs) -> None:
    """Before the long work: the app has checked the labels as they came, not as they are at the generator's size."""
    unlabelled = pairs.unlabelled()
    if unlabelled:
        raise JobFailed(
            f"At the generator's size nothing is labelled in {', '.join(unlabelled[:10])}: of their masks only ignored"
            " pixels are left. Label something in them, or leave them out."
        )


def _framed(request: FitRequest, pairs: Pairs, framing: Framing) -> Pairs:
    """The pairs as the fit is to see them."""
    return pairs if _is_as_uploaded(request) else reframed(pairs, framing)


def _is_as_uploaded(request: FitRequest) -> bool:
    return request.options.framing == "none"


def _estimate(run: Run, request: FitRequest, trainer: Trainer) -> tuple[Trainer, Estimate | None]:
    """The trainer with nothing left open, and what labels of its are expected to be worth."""
    step = partial(run.step, "estimating")
    if not request.options.estimate:
        return trainer, None
    if request.options.ensemble.min_tap_px is None:
        return choose_features(trainer, step)
    return trainer, estimate(trainer, step)


def _label_heldout(
    run: Run,
    request: FitRequest,
    inverter: Inverter,
    framing: Framing,
    *,
    label_generator: LabelGenerator,
) -> Labelled | None:
    """The validation labelset, framed and inverted with the same settings and never trained on."""
    if request.validation_labelset is None:
        return None
    pairs = _framed(request, _read_pairs(run, request, request.validation_labelset), framing)
    return label_codes(
        run,
        "labelling held-out",
        label_generator,
        pairs=pairs,
        inversion=inverter.invert(run, "inverting held-out", pairs),
        digest=request.generator.digest,
    )


@dataclass(frozen=True)
class Judged:
    """Everything that says what the fit is worth."""

    training: Labelled
    heldout: Labelled | None
    estimate: Estimate | None
    min_tap_px: int
    framing: Framing
    perceptual_sha256: str | None


def _write(run: Run, request: FitRequest, ensemble: Ensemble, judged: Judged) -> FitManifest:
    """Stores the attempt's artefacts and pins them."""
    run.check_cancelled()
    attempt = Attempt(run.machine, run.ref, uuid7_hex())
    tensors, config = pack_network(ensemble, ensemble.config.to_dict())
    weights = write_weights(
        run.machine, tensors, config, lambda _, suffix: attempt.key(f"ensemble.{suffix}")
    )
    training, heldout = judged.training, judged.heldout
    columns = {sheet_title("Training images", training): training.sheet_rows()}
    if heldout is not None:
        columns[sheet_title("Held-out images", heldout)] = heldout.sheet_rows()
    sheet = encode_sheet(columns, legend_of(training.pairs.schema))
    codes = pack({"ws": training.inversion.ws})
    return FitManifest(
        status=JobStatus.SUCCEEDED,
        started_at=run.started_at,
        finished_at=now(),
        attempt=attempt.id,
        digest=digest_of([request.generator.digest, weights.digest]),
        ensemble=weights,
        latents=attempt.write("latents.safetensors", codes, "application/octet-stream"),
        sheet=attempt.write("fit.png", sheet, "image/png"),
        metrics=_metrics(run, request, judged),
    )


@dataclass(frozen=True)
class Attempt:
    """One attempt's own folder in the store."""

    machine: Machine
    ref: JobRef
    id: str

    def key(self, name: str) -> str:
        return keys.attempt(self.ref, self.id, name)

    def write(self, name: str, data: bytes, media_type: str) -> Artefact:
        """Stores one file of the attempt."""
        return write_artefact(self.machine, self.key(name), data, media_type)


def _metrics(run: Run, request: FitRequest, judged: Judged) -> FitMetrics:
    training = judged.training
    images = training.judged_images()
    labelset = read_labelset(run.machine, request.tenant, request.labelset)
    told = (judged.framing.advice,) if judged.framing.advice and _is_as_uploaded(request) else ()
    return FitMetrics(
        reconstruction_psnr_db=training.psnr_db,
        images=images,
        training_miou=training.metrics.miou,
        training=training.metrics,
        heldout=None if judged.heldout is None else _heldout_metrics(judged.heldout),
        estimate=judged.estimate,
        advice=(*told, *advise(labelset.only(request.labels.tasks), images, judged.estimate)),
        framing=_part(judged.framing),
        min_tap_px=judged.min_tap_px,
        perceptual_sha256=judged.perceptual_sha256,
        stage_seconds={stage: round(took, 3) for stage, took in run.stage_seconds.items()},
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
        images=heldout.judged_images(),
    )
