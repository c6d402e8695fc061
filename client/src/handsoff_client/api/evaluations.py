"""Evaluations: measure on held-out real images whether generated pairs train better networks."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from handsoff_client.api.jobs import Jobs
from handsoff_client.api.resources import Job, Json, Pinned
from handsoff_client.errors import ChecksumMismatch
from handsoff_client.http.downloads import write_atomically
from handsoff_client.http.operations import EVALUATIONS
from handsoff_client.http.transport import Transport
from handsoff_shards.errors import InvalidInput
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
    labeling: Pinned | None = None
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


class Evaluations(Jobs[Evaluation]):
    """The evaluations of a service: `client.evaluations`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, EVALUATIONS, Evaluation)

    def create(
        self,
        *,
        fit: str,
        heldout_labelset: str,
        labelset: str | None = None,
        oracle_labelset: str | None = None,
        labeling: str | None = None,
        seed: int = 0,
        name: str | None = None,
        options: Mapping[str, Any] | None = None,
        **more: object,
    ) -> Evaluation:
        """Queue an evaluation. Arguments are ids.

        `heldout_labelset` has at least 50 images that nothing trains on. `labelset` replaces the fit's own pairs,
        `oracle_labelset` has all real pairs, `labeling` has own images with labels of the same fit. `/docs` of the
        service documents `options`. `more` is sent unchanged: fields of a newer service that this client does not have
        yet.
        """
        return self._create(
            fit=fit,
            heldout_labelset=heldout_labelset,
            labelset=labelset,
            oracle_labelset=oracle_labelset,
            labeling=labeling,
            seed=seed,
            name=name,
            options=options,
            **more,
        )

    def fetch_file(self, evaluation_id: str, target: Path | str, *, name: str = "") -> Path:
        """Write a file of the report to `target`, and return its path. It replaces a file.

        `name` is that of the file (`report.html`, `report.json` or a picture); by default the suffix of `target`
        chooses the report. Raises `InvalidInput` when the evaluation has no such file (yet).
        """
        evaluation, path = self.get(evaluation_id), Path(target)
        requested = name or f"report{path.suffix}"
        file = next((one for one in evaluation.files if one.name == requested), None)
        if file is None:
            names = ", ".join(one.name for one in evaluation.files) or "no files yet"
            raise InvalidInput(
                f"Expected a file of {evaluation_id}, which is {evaluation.status} and has {names}, got '{requested}'."
            )
        data = self._transport.read(file.url)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise ChecksumMismatch(
                f"{requested}: expected SHA-256 {file.sha256}; download it again."
            )
        return write_atomically(path, data)
