"""Pilots: how uncertain a fit's samples are at one truncation, measured once and kept beside the fit.

"Drop the most uncertain tenth" becomes a threshold that every shard applies alone.
"""

import numpy as np

from contracts import keys, records
from contracts.batches import BatchRequest, Pilot
from contracts.errors import InputMissing
from contracts.shapes import now
from models.sampling import Candidate, Stream
from workers.jobs import Run
from workers.rendering import Renderer

NUM_SAMPLES = 2_000
NUM_QUANTILES = 1_001


def measure_pilot(run: Run, request: BatchRequest) -> None:
    """Measures and stores the pilot of the batch's fit at its truncation, unless it is there."""
    key = keys.pilot(request.tenant, request.fit.id, request.truncation)
    if run.machine.store.head(key) is not None:
        return
    renderer = Renderer(
        run.machine,
        request.tenant,
        request.fit,
        seed=0,
        truncation=request.truncation,
        stream=Stream.PILOT,
    )
    scores = []
    for sample in renderer.render([Candidate(index) for index in range(NUM_SAMPLES)]):
        scores.append(sample.score)
        run.step("pilot", len(scores), NUM_SAMPLES)
    quantiles = np.quantile(scores, np.linspace(0, 1, NUM_QUANTILES))
    pilot = Pilot(
        fit_digest=request.fit.digest,
        truncation=request.truncation,
        num_samples=NUM_SAMPLES,
        quantiles=tuple(quantiles.tolist()),
        measured_at=now(),
    )
    records.create(run.machine.store, key, pilot)


def read_threshold(run: Run, request: BatchRequest) -> float | None:
    """The highest score that the batch keeps, None without a filter."""
    if request.filter is None:
        return None
    key = keys.pilot(request.tenant, request.fit.id, request.truncation)
    pilot = records.read(run.machine.store, key, Pilot)
    if pilot is None or pilot.fit_digest != request.fit.digest:
        raise InputMissing(f"The pilot '{key}' of the batch's filter is gone. Make the batch anew.")
    return pilot.threshold(request.filter.drop_share)
