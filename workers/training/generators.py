"""Trains a generator from an uploaded archive of unlabelled images, and its inverter: the job of the queue `train`.

Every attempt resumes from the state that the last one has stored. The manifest is written last.
"""

import torch

from contracts.base import now
from contracts.errors.jobs import InputMissing, InvalidImages, JobFailed, OutOfMemory
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorMetrics,
    GeneratorRequest,
    StoredGenerator,
)
from contracts.generators.inverters import InverterOptions
from contracts.generators.training import TrainingOptions, TrainingReport
from contracts.jobs import JobRef, JobStatus
from state import records
from state.process.spooling import spool_folder
from workers.families.family import Family, TrainingImages, family_named
from workers.importing.imports import discard_original
from workers.importing.storing import store_generator
from workers.importing.uploads import fetch
from workers.runtime import jobs
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.training.generator_loop import Budget, GeneratorLoop
from workers.training.generator_states import JobKeeper
from workers.training.images.preparing import ARRAY, Prepared, prepare
from workers.training.images.sources import Batches, ImageArray
from workers.training.inverters import StateKeeper, store_encoder, train_encoder
from workers.training.snapshots import Ruler
from workers.training.starting import read_start

ARCHIVE = "archive"
INVERTER_STAGE = "inverter"

IMAGES_PER_INVERTER_IMAGE = 10
MIN_INVERTER_IMAGES = 2_000
"""The encoder of `portraits-64` took 12,000 samples after 128,000 images of training."""


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the training that `argument` names, and delete the archive once it has ended."""
    ref = JobRef.parse(argument)
    jobs.perform(machine, ref, attempt, _train)
    request = records.read_request(machine.store, ref, GeneratorRequest)
    if records.has_ended(machine.store, ref) and request is not None:
        discard_original(machine, request)


def _train(run: Run) -> GeneratorManifest:
    request = run.read_request(GeneratorRequest)
    options = request.training
    if options is None or request.original is None:
        raise InputMissing(f"The request of '{run.ref}' names no images. Send a new request.")
    family = _family(run, options)
    keeper = JobKeeper(run)
    if not keeper.has_finished():
        try:
            _train_generator(run, request, options, family, keeper)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(
                "A batch does not fit the device's memory. Request a smaller batch, px, or size."
            ) from error
    report = keeper.read_report()
    source = (
        f"trained on {report.num_images:,} images of an uploaded archive ({family.contract.name})"
    )
    if options.start_from is not None:
        source += f", starting from '{options.start_from}'"
    generator = store_generator(run, family, keeper.read_best(), source=source)
    try:
        _train_inverter(run, options, family, generator, report)
    except JobFailed as error:
        warning = f"The inverter failed: {error.detail} Train one with POST /v1/generators/{generator.id}/inverters"
        report = report.model_copy(update={"warnings": (*report.warnings, warning)})
    return GeneratorManifest(
        status=JobStatus.SUCCEEDED,
        started_at=run.started_at,
        finished_at=now(),
        generator=generator,
        training=report,
        metrics=GeneratorMetrics(
            stage_seconds={stage: round(took, 3) for stage, took in run.stage_seconds.items()}
        ),
    )


def _family(run: Run, options: TrainingOptions) -> Family:
    try:
        return family_named(run.machine.families, options.family)
    except ValueError as error:
        raise InputMissing(
            f"This worker cannot train the family: {error}. Start it with the family."
        ) from None


def _train_generator(
    run: Run,
    request: GeneratorRequest,
    options: TrainingOptions,
    family: Family,
    keeper: JobKeeper,
) -> None:
    assert request.original is not None
    with spool_folder() as folder:
        fetch(run, request.original, folder / ARCHIVE)
        longer_px = max(options.px) if isinstance(options.px, tuple) else options.px
        prepared = prepare(
            folder / ARCHIVE,
            options,
            run.machine.settings,
            size_factor=family.size_factor(longer_px),
            on_progress=run.report_progress,
        )
        images = ImageArray(folder / ARRAY)  # open: its pages stay when the folder is deleted
    start = read_start(run, options)
    if start is not None:
        start.check_images(is_grey=prepared.is_grey)
    facts = TrainingImages(
        count=prepared.num_images,
        image_px=(prepared.height_px, prepared.width_px),
        is_grey=prepared.is_grey if start is None else start.is_grey,
    )
    torch.manual_seed(options.seed)
    try:
        started = family.start_training(options, facts, run.machine.device)
    except ValueError as error:  # a size that the family does not have
        raise InvalidImages(f"The images cannot be used: {error}.") from None
    if start is not None:
        start.load_into(started.training)
    has_inverter = family.contract.has_inverters and options.inverter_images != 0
    budget = Budget.of(options, has_inverter=has_inverter)
    loop = GeneratorLoop(
        keeper,
        started.training,
        Batches(images, started.batch, seed=options.seed, flips=options.flips),
        Ruler(images, seed=options.seed, device=run.machine.device),
        budget=budget,
        snapshot_images=options.snapshot_images,
    )
    loop.train(_first_report(run, prepared))
    keeper.finish()


def _first_report(run: Run, prepared: Prepared) -> TrainingReport:
    return TrainingReport(
        device=str(run.machine.device),
        **prepared.model_dump(include={"height_px", "width_px", "num_images", "facts", "warnings"}),
    )


def _train_inverter(
    run: Run,
    options: TrainingOptions,
    family: Family,
    generator: StoredGenerator,
    report: TrainingReport,
) -> None:
    """Train the encoder, and store it below the generator, before the generator's manifest makes both visible.

    Raises `JobFailed`: the generator is usable without it.
    """
    num_images = options.inverter_images
    if num_images is None:
        num_images = max(report.images_seen // IMAGES_PER_INVERTER_IMAGE, MIN_INVERTER_IMAGES)
    if not family.contract.has_inverters or num_images == 0:
        return
    encoder = train_encoder(
        run,
        family,
        generator,
        InverterOptions(num_images=num_images),
        seed=options.seed,
        keeper=StateKeeper(run, INVERTER_STAGE),
    )
    store_encoder(run, generator, encoder)
