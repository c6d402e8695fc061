"""Runs the units of an evaluation, and keeps the scores of each in the store as soon as it has ended.

So a killed worker loses at most the unit that it was in, and a worker that is stopped loses nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.evaluations.evaluation import EvaluationRequest, EvaluationUnit
from models.downstream.adapted import NetworkBuilder
from models.downstream.frozen import FeatureFunction
from models.downstream.network import DownstreamNetwork
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs
from models.downstream.training import Plan, TrainingStopped, train
from models.tasks.task_set import TaskSet
from state import keys, records
from workers.evaluating.gathering import first_pairs
from workers.evaluating.networks.smp_networks import learning_rate
from workers.evaluating.scoring import ImageScores, score_network
from workers.fitting.downstream import fastest_precision, mirror_swaps
from workers.runtime.jobs import Deleted, Run
from workers.runtime.pulse import Drained

SEED_STRIDE = 1_000
"""More than the seeds of an evaluation, so that evaluations with other seeds share no training."""
NUM_SEEDS = 2**53


class UnitKeeper:
    """The scores of finished units in the store, and the state of the one that a stopping worker was in."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._store, self._ref = run.machine.store, run.ref

    def has(self, unit: EvaluationUnit) -> bool:
        """Return whether a unit is finished."""
        return self._store.head(keys.evaluation_unit(self._ref, unit.name)) is not None

    def read(self, unit: EvaluationUnit) -> ImageScores:
        """Return the scores of a finished unit."""
        return ImageScores.from_bytes(self._store.get(keys.evaluation_unit(self._ref, unit.name)))

    def save(self, unit: EvaluationUnit, scores: ImageScores) -> None:
        """Store the scores of a unit. Those of another worker, which finished it first, stay."""
        if records.is_deleted(self._store, self._ref):
            raise Deleted
        self._store.create(keys.evaluation_unit(self._ref, unit.name), scores.to_bytes())
        self._run.machine.ledger.record_saved_work(self._ref)
        self._store.delete(self._state_key(unit))

    def read_state(self, unit: EvaluationUnit) -> bytes | None:
        """Return the state of a unit whose worker was stopped; None without one."""
        try:
            return self._store.get(self._state_key(unit))
        except FileNotFoundError:
            return None

    def save_state(self, unit: EvaluationUnit, state: bytes) -> None:
        """Store the state of a unit that is not finished."""
        self._store.put(self._state_key(unit), state)
        self._run.machine.ledger.record_saved_work(self._ref)

    def _state_key(self, unit: EvaluationUnit) -> str:
        return f"{keys.job_scratch(self._ref)}/{unit.name}.safetensors"


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What the networks of an evaluation train on and are scored on; None where no unit needs it.

    `labelled` are own images with labels of the fit. `features` is the mounted network of the arm `frozen`, `build` the
    network of the others; None for our U-Net.
    """

    tasks: TaskSet
    heldout: Pairs
    real: Pairs
    oracle: Pairs | None = None
    labelled: Pairs | None = None
    synthetic: Pairs | None = None
    features: FeatureFunction | None = None
    build: NetworkBuilder | None = None

    def pairs_of(self, unit: EvaluationUnit) -> Pairs:
        """Return the pairs that a unit trains on."""
        if unit.arm == "oracle":
            assert self.oracle is not None
            return self.oracle
        if unit.arm == "labelled":
            assert self.labelled is not None
            return Pairs.mixed(self.real, self.labelled)
        if unit.num_synthetic is None:
            return self.real
        assert self.synthetic is not None
        generated = first_pairs(self.synthetic, unit.num_synthetic)
        return generated if unit.arm == "synthetic" else Pairs.mixed(self.real, generated)


class Trainer:
    """Trains and scores units. The progress of an arm counts the steps of all of its trainings."""

    def __init__(
        self,
        run: Run,
        request: EvaluationRequest,
        *,
        keeper: UnitKeeper,
        materials: Materials,
        missing: Sequence[EvaluationUnit],
    ) -> None:
        """`missing` are the units that no earlier attempt has finished."""
        self._run, self._request = run, request
        self._keeper, self._materials = keeper, materials
        self._total = Counter(unit.arm for unit in request.units)
        self._done = self._total - Counter(unit.arm for unit in missing)
        self._swaps = mirror_swaps(request.labels)
        # The head of `frozen` is the same beside every network.
        self._head_options = DownstreamOptions(
            steps=request.options.steps,
            flip=request.options.flips,
            precision=fastest_precision(run.machine.device),
        )
        self._options = replace(
            self._head_options, learning_rate=learning_rate(request.options.network)
        )

    def train(self, unit: EvaluationUnit) -> None:
        """Train the network of a unit, and store its scores on the held-out images.

        Raises `Drained` when the worker is asked to stop; the state of the training is stored before.
        """
        network = self._network(unit)
        scores = score_network(network, self._materials.heldout, self._materials.tasks)
        self._keeper.save(unit, scores)
        self._done[unit.arm] += 1

    def _network(self, unit: EvaluationUnit) -> DownstreamNetwork:
        assert unit.seed is not None
        is_frozen = unit.arm == "frozen"
        plan = Plan(
            pairs=self._materials.pairs_of(unit),
            tasks=self._materials.tasks,
            options=self._head_options if is_frozen else self._options,
            seed=(self._request.seed * SEED_STRIDE + unit.seed) % NUM_SEEDS,
            swaps=self._swaps,
            build=self._materials.build if not is_frozen else None,
            features=self._materials.features if is_frozen else None,
            device=self._run.machine.device,
        )
        pulse = self._run.machine.pulse
        try:
            return train(
                plan,
                state=self._keeper.read_state(unit),
                on_step=lambda done, _: self._report(unit, done),
                should_stop=lambda: pulse.is_draining,
            )
        except TrainingStopped as stopped:
            self._keeper.save_state(unit, stopped.state)
            raise Drained from None

    def _report(self, unit: EvaluationUnit, steps: int) -> None:
        # A training of a draining worker stops at its next step, with its state.
        if self._run.machine.pulse.is_draining:
            return
        each = self._options.steps
        self._run.step(unit.arm, self._done[unit.arm] * each + steps, self._total[unit.arm] * each)
