"""Trains an inverter: a generator in, an encoder out that starts its inversions, trained on the generator's samples.

The training's state is stored every `keep_interval` under a key that all attempts share. The next attempt resumes from
it, and ends with the same encoder as an uninterrupted one.
"""

import time

import torch

from contracts.base import now
from contracts.errors.jobs import JobFailed, OutOfMemory
from contracts.generators.generator import StoredGenerator, StoredInverter
from contracts.generators.inverters import (
    InverterManifest,
    InverterMetrics,
    InverterOptions,
    InverterRequest,
)
from contracts.jobs import JobRef, JobStatus
from models.generators.training import BuiltNetwork
from models.serialization import pack_network
from state import keys
from state.leftovers.plan import plan_sweep
from workers.families.family import Family, InverterTraining, find_family
from workers.runtime import jobs
from workers.runtime.artefacts import read_generator, store_inverter
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.runtime.pulse import Drained
from workers.runtime.weights import first_flaw

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
    keeper = StateKeeper(run)
    encoder = train_encoder(
        run, family, generator, request.options, seed=request.seed, keeper=keeper
    )
    inverter = store_encoder(run, _generator(run, request), encoder)
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


def train_encoder(
    run: Run,
    family: Family,
    generator: StoredGenerator,
    options: InverterOptions,
    *,
    seed: int,
    keeper: "StateKeeper",
) -> BuiltNetwork:
    """Train an encoder for a stored generator; resume from the keeper's state. Raises `OutOfMemory`."""
    try:
        return family.train_inverter(
            run.machine.loader,
            generator,
            options,
            seed=seed,
            state=keeper.read(),
            on_step=keeper,
        )
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"A batch of {options.batch} does not fit the device's memory. Request a smaller batch."
        ) from error


def state_key(ref: JobRef) -> str:
    """Return the key of a training's state. It is deleted when the job ends."""
    return f"{keys.job_scratch(ref)}/training.safetensors"


class StateKeeper:
    """Reports the progress of a training, and saves its state in the store."""

    def __init__(self, run: Run, stage: str = STAGE) -> None:
        self.losses: dict[str, float] = {}
        self._stage = stage
        self._run = run
        self._key = state_key(run.ref)
        self._saved_at = time.monotonic()
        self._interval_seconds = run.machine.settings.keep_interval.total_seconds()

    def __call__(self, training: InverterTraining) -> None:
        self.losses = training.losses
        done = min(training.images_seen, training.total_images)
        try:
            self._run.step(self._stage, done, training.total_images)
        except Drained:
            self._save(training)
            raise
        if time.monotonic() - self._saved_at >= self._interval_seconds:
            self._save(training)

    def read(self) -> bytes | None:
        """Return the state that an earlier attempt has saved, if any."""
        try:
            return self._run.machine.store.get(self._key)
        except FileNotFoundError:
            return None

    def _save(self, training: InverterTraining) -> None:
        self._run.machine.store.put(self._key, training.to_bytes())
        self._run.machine.ledger.record_saved_work(self._run.ref)
        self._saved_at = time.monotonic()


def _generator(run: Run, request: InverterRequest) -> StoredGenerator:
    pinned = request.generator
    return read_generator(run.machine.store, request.tenant, pinned.id, pinned.digest)


def store_encoder(run: Run, generator: StoredGenerator, encoder: BuiltNetwork) -> StoredInverter:
    """Store the encoder below its generator. Raises `JobFailed` if its weights are not finite."""
    flaw = first_flaw(encoder.network.state_dict())
    if flaw is not None:
        raise JobFailed(f"Training diverged: {flaw}. Use a lower learning_rate.")
    tensors, config = pack_network(encoder.network, dict(encoder.config))
    run.check_cancelled()  # a job that is cancelled by now leaves no inverter behind
    tenant = run.ref.tenant
    generator_prefix = keys.resource_prefix(tenant, "generators", generator.id)
    plan_sweep(run.machine.ledger, generator_prefix, is_over=False)
    return store_inverter(run.machine.store, tenant, generator, tensors, config)
