"""Worker processes that are killed or stopped during a fit: the next one continues within it.

Real processes, as in `tests/workers/upkeep/test_lost_workers.py`.
"""

import os
import re
import signal

import pytest

from contracts.jobs import JobStatus
from examples.demo.stack import Stack
from state import keys
from tests.workers.scene import QUICK, Scene
from tests.workers.upkeep.test_lost_workers import (  # noqa: F401 - fixtures
    WAIT_SECONDS,
    end_of,
    is_running,
    long_fit,
    queue_impatiently,
    reconciled_end_of,
    scene,
    stack,
    until,
)
from workers.saving.saved_states import read_checked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_fit_resumes_after_the_death_of_its_worker(
    stack: Stack,  # noqa: F811 - a fixture
    scene: Scene,  # noqa: F811 - a fixture
) -> None:
    """SIGKILL late in the training: another worker continues there, to the same bits as an uninterrupted fit."""
    ensemble = QUICK.ensemble.model_copy(update={"steps": 1_500})
    options, labelset = QUICK.model_copy(update={"ensemble": ensemble}), scene.add_labelset()
    killed, whole = (scene.request_fit(options, labelset=labelset) for _ in range(2))
    queue_impatiently(scene, killed)
    key = f"{keys.job_scratch(killed.ref)}/training-4.state"

    def saved_step() -> int:
        state = read_checked(scene.machine.store, key)
        return 0 if state is None else int(state["step"])

    stack.start_worker("fit", "first")
    until(lambda: saved_step() > 500, "a saved state of the training")
    stack.kill("first")
    kept = saved_step()
    before = scene.machine.ledger.events(killed.ref, limit=1_000)[-1].id
    stack.start_worker("fit", "second")
    log = stack.folder / "second.log"
    assert reconciled_end_of(scene, killed.ref) is JobStatus.SUCCEEDED
    later = scene.machine.ledger.events(killed.ref, before, limit=1_000)
    steps = [one.data for one in later if one.type == "progress"]
    assert min(step["done"] for step in steps if step["stage"] == "training") == kept > 500
    assert {step["done"] for step in steps if step["stage"] == "inverting"} <= {16}
    assert re.search(rf"job started.*attempt.*2.*{killed.id}", log.read_text())
    scratch = keys.job_scratch(killed.ref)
    until(lambda: not list(scene.machine.store.list(scratch)), "the states to be deleted")
    for one in list(scene.machine.store.list(keys.labelset_codes("default", labelset.id))):
        scene.machine.store.delete(one.key)
    queue_impatiently(scene, whole)
    assert end_of(scene, whole.ref) is JobStatus.SUCCEEDED
    assert scene.fit_manifest(killed.ref).digest == scene.fit_manifest(whole.ref).digest


def test_a_fit_resumes_in_the_middle_of_its_inversion(
    stack: Stack,  # noqa: F811 - a fixture
    scene: Scene,  # noqa: F811 - a fixture
) -> None:
    """SIGTERM while the images are inverted: the next worker continues at the next step."""
    fit = long_fit(scene, steps=3_000)
    stack.start_worker("fit", "first")
    until(lambda: is_running(scene, fit.ref), "the fit to run")
    first = stack.processes.pop("first")
    first.send_signal(signal.SIGTERM)
    assert first.wait(WAIT_SECONDS) == os.EX_OK
    events = scene.machine.ledger.events(fit.ref, limit=1_000)
    shown = [one.data["done"] for one in events if one.type == "progress"]
    stack.start_worker("fit", "second")
    assert end_of(scene, fit.ref) is JobStatus.SUCCEEDED
    later = scene.machine.ledger.events(fit.ref, events[-1].id, limit=1_000)
    again = [one.data for one in later if one.type == "progress"]
    assert min(step["done"] for step in again if step["stage"] == "inverting") > max(shown) > 0
