"""A fit: labelled images in, a label generator out. Codes are found, an ensemble trained and scored, a sheet drawn.

Each attempt writes under a folder of its own, so a late twin of a killed worker overwrites nothing.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from contracts import keys, records
from contracts.digests import digest_of
from contracts.errors import InputMissing, JobFailed
from contracts.fits import FitManifest, FitMetrics, FitRequest, HeldOut, PinnedLabelset
from contracts.ids import uuid7_hex
from contracts.jobs import JobRef, JobStatus
from contracts.shapes import Artefact, now
from models.labels.ensemble import Ensemble
from models.labels.label_generator import LabelGenerator
from models.labels.training import EnsembleOptions, train_ensemble
from models.serialization import pack, pack_network
from models.stylegan2.generator import Generator
from workers import jobs
from workers.artefacts import write_artefact, write_weights
from workers.inverting import Inverter
from workers.jobs import Run
from workers.labelling import Labelled, label_codes
from workers.machine import Machine
from workers.pairs import Pairs
from workers.sheets import encode_sheet

MAX_SHEET_ROWS = 16


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Runs the fit that `argument` names."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _fit)


def _fit(run: Run) -> FitManifest:
    """The fit, told in its steps. The manifest it returns is written last, by the caller."""
    request = _read_request(run)
    inverter = Inverter.open(run.machine, request)
    pairs = _read_pairs(run, request, inverter, request.labelset)
    _check_labelled(pairs)
    inversion = inverter.invert(run, "inverting", pairs)
    ensemble = _train(run, request, inverter.generator, pairs, inversion.ws)
    label_generator = LabelGenerator(inverter.generator, ensemble)
    digest = request.generator.digest
    masks = label_codes(run, "labelling", label_generator, inversion.ws, digest=digest)
    training = Labelled(pairs, inversion, masks, request.labels)
    heldout = _label_heldout(run, request, inverter, label_generator)
    return _write(run, request, ensemble, training, heldout)


def _read_request(run: Run) -> FitRequest:
    request = records.read(run.machine.store, keys.job_request(run.ref), FitRequest)
    if request is None:
        raise InputMissing(f"The request of '{run.ref}' is gone.")
    return request


def _read_pairs(
    run: Run, request: FitRequest, inverter: Inverter, labelset: PinnedLabelset
) -> Pairs:
    return Pairs.read(run.machine, request.tenant, labelset, inverter.generator.config.image_px)


def _check_labelled(pairs: Pairs) -> None:
    """Before the long work: the app has checked the masks as they came, not as they are at the generator's size."""
    unlabelled = pairs.unlabelled()
    if unlabelled:
        raise JobFailed(
            f"At the generator's size the masks of {', '.join(unlabelled[:10])} have only ignored pixels."
            " Label something in them, or leave them out."
        )


def _train(
    run: Run, request: FitRequest, generator: Generator, pairs: Pairs, ws: Tensor
) -> Ensemble:
    """On fewer images at a time where the device is too small, and with less of their features kept."""
    wanted = EnsembleOptions(**request.options.ensemble.model_dump())
    most = min(wanted.images_per_round, len(pairs))

    def train(images_per_round: int) -> Ensemble:
        cache_bytes = wanted.cache_bytes * images_per_round // most
        return train_ensemble(
            generator,
            ws,
            pairs.mask_tensor(),
            num_classes=request.labels.num_classes,
            options=replace(wanted, images_per_round=images_per_round, cache_bytes=cache_bytes),
            seed=request.seed,
            on_step=run.steps("training"),
        )

    return run.machine.micro_batches.shrinking(
        "training", request.generator.digest, train, largest=most
    )


def _label_heldout(
    run: Run, request: FitRequest, inverter: Inverter, label_generator: LabelGenerator
) -> Labelled | None:
    """The validation labelset, inverted with the same settings and never trained on."""
    if request.validation_labelset is None:
        return None
    pairs = _read_pairs(run, request, inverter, request.validation_labelset)
    inversion = inverter.invert(run, "inverting held-out", pairs)
    digest = request.generator.digest
    masks = label_codes(run, "labelling held-out", label_generator, inversion.ws, digest=digest)
    return Labelled(pairs, inversion, masks, request.labels)


def _write(
    run: Run, request: FitRequest, ensemble: Ensemble, training: Labelled, heldout: Labelled | None
) -> FitManifest:
    """Stores the attempt's artefacts and pins them."""
    run.look()
    attempt = Attempt(run.machine, run.ref, uuid7_hex())
    tensors, config = pack_network(ensemble, ensemble.config.to_dict())
    weights = write_weights(
        run.machine, tensors, config, lambda _, suffix: attempt.key(f"ensemble.{suffix}")
    )
    sheet = encode_sheet(
        {
            "training": training.sheet_rows(MAX_SHEET_ROWS),
            "held-out": heldout.sheet_rows(MAX_SHEET_ROWS) if heldout else [],
        }
    )
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
        metrics=_metrics(run, training, heldout),
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


def _metrics(run: Run, training: Labelled, heldout: Labelled | None) -> FitMetrics:
    return FitMetrics(
        reconstruction_psnr_db=training.psnr_db,
        images=training.judged_images(),
        training_miou=training.mean_iou(),
        heldout=None if heldout is None else _heldout_metrics(heldout),
        stage_seconds={stage: round(took, 3) for stage, took in run.stage_seconds.items()},
    )


def _heldout_metrics(heldout: Labelled) -> HeldOut:
    return HeldOut(
        num_images=len(heldout.pairs),
        miou=heldout.mean_iou(),
        class_iou=heldout.class_iou(),
        reconstruction_psnr_db=heldout.psnr_db,
        images=heldout.judged_images(),
    )
