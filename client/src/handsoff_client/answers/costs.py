"""What a job will probably cost, and what a create would store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A prediction: seconds of one device and bytes of the results, from `num_jobs` earlier jobs on `device`.

    Without earlier jobs, `device` is None and the numbers are guesses for one core of a CPU.
    """

    seconds: float
    num_bytes: int
    device: str | None = None
    num_jobs: int = 0


@dataclass(frozen=True)
class Validation:
    """A valid request: the values that the service would store, with all defaults, and the predicted cost of a job."""

    resolved: Mapping[str, Any]
    estimate: Estimate | None = None
    json: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
