"""An inverter: a generator in, the encoder that starts its inversions out, trained on the generator's own samples.

The training's state goes to the store every `keep_interval`, under a key that all attempts share: whoever takes the
job up goes on from there, and ends with the encoder that one attempt would have made.
"""

import time

import torch

from contracts.base import now
from contracts.errors.jobs import JobFailed, OutOfMemory
from contracts.generators import StoredGenerator, StoredInverter
from contracts.inverters import InverterManifest, InverterMetrics, InverterRequest
from contracts.jobs import JobRef, JobStatus
from models.generators.stylegan2.discriminator import Discriminator, build_discriminator
from models.generators.stylegan2.generator import build_generator
from models.inversion.encoder import Encoder
from models.inversion.encoder_training import EncoderTrainingOptions
from models.inversion.training import EncoderTraining, train_encoder
from models.serialization import pack_network
from state import keys, records
from workers.runtime import jobs
from workers.runtime.artefacts import load_network, read_generator, write_weights
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.runtime.pulse import Drained
from workers.runtime.values import first_flaw

STAGE = "training"


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Runs the training that `argument` names."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _train)


def _train(run: Run) -> InverterManifest:
    request = run.read_request(InverterRequest)
    generator = _generator(run, request)
    keeper = Keeper(run)
    try:
        encoder = train_encoder(
            load_network(run.machine, generator.weights, build_generator),
            _discriminator(run, generator),
            _options(request),
            seed=request.seed,
            state=keeper.read(),
            on_step=keeper,
        )
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"A batch of {request.options.batch} does not fit the device. Ask for a smaller one."
        ) from error
    inverter = _store(run, _generator(run, request), encoder)
    return InverterManifest(
        status=JobStatus.SUCCEEDED,
        started_at=run.started_at,
        finished_at=now(),
        inverter=inverter,
        metrics=InverterMetrics(
            losses=keeper.losses,
            stage_seconds={stage: round(took, 3) for stage, took in run.stage_seconds.items()},
        ),
    )


def state_key(ref: JobRef) -> str:
    """Where a training's state lies while it runs."""
    return f"{keys.job_scratch(ref)}/training.safetensors"


class Keeper:
    """Tells how far a training is, and keeps its state in the store."""

    def __init__(self, run: Run) -> None:
        self.losses: dict[str, float] = {}
        self._run = run
        self._key = state_key(run.ref)
        self._kept_at = time.monotonic()
        self._interval_seconds = run.machine.settings.keep_interval.total_seconds()

    def __call__(self, training: EncoderTraining) -> None:
        self.losses = training.losses
        done = min(training.images_seen, training.total_images)
        try:
            self._run.step(STAGE, done, training.total_images)
        except Drained:
            self._keep(training)
            raise
        if time.monotonic() - self._kept_at >= self._interval_seconds:
            self._keep(training)

    def read(self) -> bytes | None:
        """The state that an attempt before has left."""
        try:
            return self._run.machine.store.get(self._key)
        except FileNotFoundError:
            return None

    def _keep(self, training: EncoderTraining) -> None:
        self._run.machine.store.put(self._key, training.to_bytes())
        self._kept_at = time.monotonic()


def _generator(run: Run, request: InverterRequest) -> StoredGenerator:
    pinned = request.generator
    return read_generator(run.machine, request.tenant, pinned.id, pinned.digest)


def _discriminator(run: Run, generator: StoredGenerator) -> Discriminator | None:
    if generator.discriminator is None:
        return None
    return load_network(run.machine, generator.discriminator, build_discriminator)


def _options(request: InverterRequest) -> EncoderTrainingOptions:
    wanted = request.options
    return EncoderTrainingOptions(
        total_images=wanted.num_images, batch=wanted.batch, learning_rate=wanted.learning_rate
    )


def _store(run: Run, generator: StoredGenerator, encoder: Encoder) -> StoredInverter:
    """Puts the encoder below its generator, where fits find it. The first of two equal ones stands."""
    flaw = first_flaw(encoder.state_dict())
    if flaw is not None:
        raise JobFailed(f"Training diverged: {flaw}. Use a lower learning_rate.")
    tensors, config = pack_network(encoder, encoder.config.to_dict())
    run.check_cancelled()  # what is cancelled now leaves no inverter behind
    weights = write_weights(
        run.machine,
        tensors,
        config,
        lambda sha256, suffix: keys.weights(generator.tenant, generator.id, sha256, suffix),
    )
    inverter = StoredInverter(
        generator_digest=generator.digest,
        digest=weights.digest,
        created_at=now(),
        weights=weights,
    )
    key = keys.inverter(generator.tenant, generator.id, inverter.digest)
    return records.create(run.machine.store, key, inverter)
