"""An inverter: a generator in, the encoder that starts its inversions out, trained on the generator's own samples.

The training's state is stored every `keep_interval`, under a key that all attempts share: the next attempt continues
from there, and ends with the same encoder as an uninterrupted one.
"""

import time

import torch

from contracts.base import now
from contracts.errors.jobs import JobFailed, OutOfMemory
from contracts.generators.generator import StoredGenerator, StoredInverter
from contracts.generators.inverters import InverterManifest, InverterMetrics, InverterRequest
from contracts.jobs import JobRef, JobStatus
from models.serialization import pack_network
from state import keys, records
from workers.families.family import BuiltNetwork, InverterTraining, find_family
from workers.runtime import jobs
from workers.runtime.artefacts import read_generator, write_weights
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.runtime.pulse import Drained
from workers.runtime.values import first_flaw

STAGE = "training"


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the training that `argument` names."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _train)


def _train(run: Run) -> InverterManifest:
    request = run.read_request(InverterRequest)
    generator = _generator(run, request)
    family = find_family(run.machine.families, generator)
    if not family.contract.has_inverters:
        raise JobFailed(
            f"Generators of family '{family.contract.name}' need no inverter. Create a fit directly."
        )
    keeper = Keeper(run)
    try:
        encoder = family.train_inverter(
            run.machine.loader,
            generator,
            request.options,
            seed=request.seed,
            state=keeper.read(),
            on_step=keeper,
        )
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"A batch of {request.options.batch} does not fit the device. Request a smaller one."
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
    """Return the key of a training's state, which exists while it runs."""
    return f"{keys.job_scratch(ref)}/training.safetensors"


class Keeper:
    """Reports the progress of a training, and keeps its state in the store."""

    def __init__(self, run: Run) -> None:
        self.losses: dict[str, float] = {}
        self._run = run
        self._key = state_key(run.ref)
        self._kept_at = time.monotonic()
        self._interval_seconds = run.machine.settings.keep_interval.total_seconds()

    def __call__(self, training: InverterTraining) -> None:
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
        """Return the state that an earlier attempt has stored, if any."""
        try:
            return self._run.machine.store.get(self._key)
        except FileNotFoundError:
            return None

    def _keep(self, training: InverterTraining) -> None:
        self._run.machine.store.put(self._key, training.to_bytes())
        self._kept_at = time.monotonic()


def _generator(run: Run, request: InverterRequest) -> StoredGenerator:
    pinned = request.generator
    return read_generator(run.machine.store, request.tenant, pinned.id, pinned.digest)


def _store(run: Run, generator: StoredGenerator, encoder: BuiltNetwork) -> StoredInverter:
    """Store the encoder below its generator, where fits find it. Of two equal ones the first is kept."""
    flaw = first_flaw(encoder.network.state_dict())
    if flaw is not None:
        raise JobFailed(f"Training diverged: {flaw}. Use a lower learning_rate.")
    tensors, config = pack_network(encoder.network, dict(encoder.config))
    run.check_cancelled()  # a job that is cancelled by now leaves no inverter behind
    weights = write_weights(
        run.machine.store,
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
