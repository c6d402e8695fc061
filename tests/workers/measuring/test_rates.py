"""What workers note about jobs that succeeded."""

from dataclasses import replace
from pathlib import Path
from typing import IO

from contracts.base import now
from contracts.errors.tree import StoreUnavailable
from state.estimates.rates import rates
from state.store import Store
from tests.workers.scene import Scene
from workers.fitting import fits
from workers.measuring.rates import note_rate
from workers.rendering import batches
from workers.upkeep.reconcile import Reconciler


def test_a_batch_and_a_fit_are_noted(scene: Scene) -> None:
    """With their seconds, bytes and device. The reconciler folds them into the rates; FLUSHALL loses none."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    batch = scene.request_batch(fit, n=8, shard_size=8)
    batches.run_shard(scene.machine, f"{batch.ref}/0", 1)
    scene.machine.redis.flushall()
    Reconciler(scene.machine).reconcile()
    found = {rate.work: rate for rate in rates(scene.machine.store).folded().rates}
    assert set(found) == {"fit/32x32", "batch/32x32/png"}
    rendered = found["batch/32x32/png"]
    manifest = scene.batch_manifest(batch.ref)
    assert (rendered.num_jobs, rendered.device) == (1, "cpu")
    assert rendered.bytes_per_unit * 8 == manifest.num_bytes
    assert abs(rendered.seconds_per_unit * 8 - manifest.render_seconds) < 1e-6
    assert found["fit/32x32"].seconds_per_unit > 0


def test_a_later_attempt_is_not_noted(scene: Scene) -> None:
    """It continues what an earlier one stored, so its time says little."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 2)
    assert rates(scene.machine.store).current().rates == ()


class Full(Store):
    """A store that takes nothing more."""

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        raise StoreUnavailable(f"full: {key}")


def test_no_job_fails_for_a_note(scene: Scene) -> None:
    """A store that is full loses the note only."""
    fit = scene.fit()
    before = rates(scene.machine.store).current()
    full = replace(scene.machine, store=Full(scene.machine.store.objects))
    note_rate(full, fit.ref, scene.fit_manifest(fit.ref), now())
    assert rates(scene.machine.store).current() == before
