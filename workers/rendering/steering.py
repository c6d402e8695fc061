"""Steering of a stream by the losses that its readers report: the plan of a fit, and the choice of each sample's code.

The version of the steering state and the plan are stored facts, so a shard is rendered again as it was.
"""

import torch
from torch import Tensor

from contracts.base import now
from contracts.errors.jobs import InputMissing
from contracts.recipes.pilots import SteeringPlan
from contracts.recipes.recipe import Recipe
from contracts.recipes.steering import PLAIN, SteeringVersion
from contracts.streams import StreamRequest
from models.sampling import Candidate
from models.targets.steering import ClassSlopes, Pools, class_slopes, num_codes
from state import records
from state.planning import steering_plan_key
from state.steering.versions import SteeringVersions
from workers.codecs.samples import Sample
from workers.rendering.pilot_samples import PilotSamples, pilot_renderer
from workers.rendering.selection import Advance, Vectors
from workers.runtime.machine import Machine


class Steered:
    """The choice of codes by one version of a stream's steering state. Every candidate is accepted."""

    def __init__(self, seed: int, preference: Tensor) -> None:
        self._seed, self._preference = seed, preference

    def advance(self, vectors: Vectors) -> Advance:
        """Return the function that chooses one code of each pool."""
        return Pools(vectors, self._preference, self._seed).advance

    def accepts(self, sample: Sample) -> bool:
        """Return True: a stream answers by what it tries."""
        return True

    def contained(self, sample: Sample) -> tuple[bool, ...]:
        """Return nothing: there are no targets."""
        return ()

    def num_codes(self, sample: Sample) -> int:
        """Return the number of codes that were drawn for a sample."""
        return num_codes(sample.attempt)


def plan_steering(machine: Machine, recipe: Recipe, samples: PilotSamples) -> SteeringPlan:
    """Return the plan of a fit's samples."""
    candidates = [Candidate(index) for index in range(len(samples))]
    vectors = pilot_renderer(machine, recipe).vectors(candidates)
    assert vectors is not None, "the app refuses steering of other generators"
    slopes = class_slopes(vectors, samples.shares).float()
    return SteeringPlan(
        fit_digest=recipe.fit.digest,
        slopes=tuple(tuple(row) for row in slopes.tolist()),
        measured_at=now(),
    )


def steered_by(machine: Machine, request: StreamRequest, number: int) -> Steered | None:
    """Return the choice of codes by version `number`; None if that is plain.

    Raises:
        InputMissing: the version or the plan is gone, or the plan belongs to another fit.
    """
    assert request.steering is not None
    if number == PLAIN:
        return None
    version = SteeringVersions(machine.store, machine.ledger, request.ref).get(number)
    if version is None:
        raise InputMissing(
            f"Version {number} of the steering state of '{request.id}' is gone. Create another stream."
        )
    if not version.weights:
        return None
    slopes = _read_slopes(machine, request)
    strength = request.steering.strength
    return Steered(request.seed, strength * _preference(request, version, slopes))


def _preference(request: StreamRequest, version: SteeringVersion, slopes: ClassSlopes) -> Tensor:
    """Return the vector whose product with a code's vector is the predicted weakness of the sample."""
    weights = torch.tensor([version.weights.get(name, 0.0) for name in request.labels.classes])
    return weights.double() @ slopes.double()


def _read_slopes(machine: Machine, request: StreamRequest) -> ClassSlopes:
    key = steering_plan_key(request)
    plan = records.read(machine.store, key, SteeringPlan)
    if plan is None or plan.fit_digest != request.fit.digest:
        raise InputMissing(f"The plan '{key}' of the steering is gone. Create another stream.")
    return torch.tensor(plan.slopes)
