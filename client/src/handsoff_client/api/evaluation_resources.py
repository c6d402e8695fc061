"""The service's answers about evaluations as frozen dataclasses."""

from dataclasses import dataclass
from datetime import datetime

from handsoff_client.api.resources import Job, Json, Pinned
from handsoff_shards.labels import Labels


@dataclass(frozen=True)
class ArmProgress:
    """How many of the trainings of one arm of an evaluation have ended."""

    arm: str
    done: int
    total: int


@dataclass(frozen=True)
class ReportFile:
    """A file of a report. `url` is valid until `expires_at`."""

    name: str
    num_bytes: int
    sha256: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Evaluation(Job):
    """A comparison of networks that train on real, generated and mixed pairs. `report` is set after success."""

    fit: Pinned
    labelset: Pinned
    heldout_labelset: Pinned
    oracle_labelset: Pinned | None = None
    labels: Labels
    seed: int
    name: str = ""
    arms: tuple[ArmProgress, ...] = ()
    report: Json | None = None
    files: tuple[ReportFile, ...] = ()

    @property
    def verdict(self) -> tuple[str, ...]:
        """The result in plain sentences; empty before the report."""
        return tuple((self.report or {}).get("verdict") or ())
