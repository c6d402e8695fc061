"""A fit whose worker was killed or stopped continues where it was, and ends with the same label generator."""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from itertools import takewhile

import pytest
from structlog.testing import capture_logs

from contracts.fits.fit import FitRequest, PinnedLabelset
from contracts.fits.metrics import FitMetrics
from contracts.jobs import JobStatus
from state import keys, records
from tests.workers.scene import QUICK, Scene
from workers.fitting import fits
from workers.runtime.jobs import Run
from workers.runtime.pulse import Drained
from workers.saving import saved_states

WHOLE = QUICK.model_copy(update={"estimate": True})
"""Four images in one micro-batch, four folds, a comparison of four folds."""

FOUND = {
    "inverting": {16},
    "estimating": {20, 40, 60, 80},
    "comparing": {4, 8, 12, 16},
    "training": {20},
}
"""The steps that a stage reports if it was finished: one for each micro-batch, fold or training."""

PLACES = {
    ("inverting", 8): {"inverting": {8, 12, 16}},
    ("estimating", 45): {"estimating": {20, 40, *range(45, 81)}},
    # A killed worker loses the fold that it compared.
    ("comparing", 6): {"comparing": {4, *range(5, 17)}},
    ("training", 13): {"training": set(range(13, 21))},
    ("labelling", 4): {},
    ("inverting held-out", 4): {"inverting held-out": {4, 6, 8}},
}
"""Where a worker is killed, in this order, and the steps that the next one reports in this stage."""

STOPS = {
    ("inverting", 8): {"inverting": {12, 16}},
    ("estimating", 45): {"estimating": {20, 40, *range(46, 81)}},
    ("comparing", 6): {"comparing": {4, *range(7, 17)}},
    ("training", 13): {"training": set(range(14, 21))},
}
"""Likewise for a worker that is stopped: it ends at its next step, whose state is saved."""

Places = Mapping[tuple[str, int], Mapping[str, set[int]]]
Act = Callable[[str, int], None]


class Killed(BaseException):
    """The process of a worker ends."""


def watch(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[str, int], None]
) -> list[tuple[str, int]]:
    """Call `act` after every step of a run. Returns the list of all steps, as they happen."""
    seen: list[tuple[str, int]] = []
    step = Run.step

    def watched(self: Run, stage: str, done: int, total: int) -> None:
        step(self, stage, done, total)
        seen.append((stage, done))
        act(stage, done)

    monkeypatch.setattr(Run, "step", watched)
    return seen


def once_at(place: tuple[str, int] | None, act: Callable[[], None]) -> Act:
    """Return a callback that calls `act` at the first occurrence of a step."""
    left = [place]

    def call(stage: str, done: int) -> None:
        if (stage, done) in left:
            left.clear()
            act()

    return call


def kill() -> None:
    """End the process."""
    raise Killed


def result_of(scene: Scene, fit: FitRequest) -> tuple[str | None, FitMetrics]:
    """Return the label generator's digest and the metrics without the times."""
    manifest = scene.fit_manifest(fit.ref)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert manifest.metrics is not None
    return manifest.digest, manifest.metrics.model_copy(update={"stage_seconds": {}})


def scratch_of(scene: Scene, fit: FitRequest) -> list[str]:
    """Return the names of the saved states."""
    prefix = keys.job_scratch(fit.ref)
    return sorted(one.key.removeprefix(f"{prefix}/") for one in scene.machine.store.list(prefix))


def codes_of(scene: Scene, labelset: PinnedLabelset) -> list[str]:
    """Return the keys of the kept codes of a labelset."""
    prefix = keys.labelset_codes("default", labelset.id)
    return [one.key for one in scene.machine.store.list(prefix)]


def forget_codes(scene: Scene, *labelsets: PinnedLabelset) -> None:
    """Delete the kept codes."""
    for labelset in labelsets:
        for key in codes_of(scene, labelset):
            scene.machine.store.delete(key)


def reported(steps: list[tuple[str, int]], stage: str) -> set[int]:
    """Return the steps of one stage."""
    return {done for name, done in steps if name == stage}


def run_interrupted(
    scene: Scene,
    fit: FitRequest,
    places: Places,
    act: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run attempt after attempt, each interrupted at its place, and check the steps that each one reports."""
    before: tuple[str, int] | None = None
    for attempt, place in enumerate([*places, None], start=1):
        with monkeypatch.context() as patched:
            seen = watch(patched, once_at(place, act))
            with nullcontext() if place is None else pytest.raises((Killed, Drained)):
                fits.run(scene.machine, str(fit.ref), attempt)
        scene.machine.pulse.is_draining = False
        if before is not None:
            earlier = takewhile(before[0].__ne__, FOUND)
            expected = {name: FOUND[name] for name in earlier} | dict(places[before])
            assert {name: reported(seen, name) for name in expected} == expected, before
        before = place


def test_a_fit_that_is_killed_again_and_again_ends_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No saved step is repeated, the result is the same bit for bit, and no state is left."""
    monkeypatch.setattr(saved_states, "INTERVAL", timedelta(0))
    monkeypatch.setattr(saved_states, "LONGEST_SHARE", math.inf)
    labelset, heldout = scene.add_labelset(), scene.add_labelset(2)
    once, killed = (
        scene.request_fit(WHOLE, labelset=labelset, validation=heldout) for _ in range(2)
    )
    fits.run(scene.machine, str(once.ref), 1)
    forget_codes(scene, labelset, heldout)
    run_interrupted(scene, killed, PLACES, kill, monkeypatch)
    assert result_of(scene, killed) == result_of(scene, once)
    assert scratch_of(scene, killed) == []


def test_a_fit_that_is_stopped_again_and_again_loses_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No state is due by then: SIGTERM saves one at the next step."""
    labelset = scene.add_labelset()
    once, stopped = (scene.request_fit(WHOLE, labelset=labelset) for _ in range(2))
    fits.run(scene.machine, str(once.ref), 1)
    forget_codes(scene, labelset)
    run_interrupted(scene, stopped, STOPS, scene.machine.pulse.drain, monkeypatch)
    assert result_of(scene, stopped) == result_of(scene, once)


def inverted_steps(
    scene: Scene, fit: FitRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[set[int], str | None]:
    """Run a fit; return its steps of the inversion, and the digest of its codes."""
    with monkeypatch.context() as patched:
        seen = watch(patched, lambda *_: None)
        fits.run(scene.machine, str(fit.ref), 1)
    latents = scene.fit_manifest(fit.ref).latents
    assert latents is not None
    return {done for stage, done in seen if stage == "inverting"}, latents.sha256


def test_a_later_fit_reuses_the_codes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same images, generator and inversion, whatever its ensemble and seed; other images, other codes."""
    labelset = scene.add_labelset()
    ensemble = QUICK.ensemble.model_copy(update={"num_members": 3})
    inversion = QUICK.inversion.model_copy(update={"learning_rate": 0.01})
    first, reusing, other = (
        scene.request_fit(QUICK.model_copy(update=changes), labelset=labelset)
        for changes in ({}, {"ensemble": ensemble}, {"inversion": inversion})
    )
    steps, codes = inverted_steps(scene, first, monkeypatch)
    assert steps == {4, 8, 12, 16}
    assert inverted_steps(scene, reusing, monkeypatch) == ({16}, codes)
    steps, other_codes = inverted_steps(scene, other, monkeypatch)
    assert (steps, other_codes == codes) == ({4, 8, 12, 16}, False)
    assert len(codes_of(scene, labelset)) == 2


def test_damaged_codes_are_found_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images are inverted to the same codes; the log names the object."""
    labelset = scene.add_labelset()
    first, second = (scene.request_fit(labelset=labelset) for _ in range(2))
    _, codes = inverted_steps(scene, first, monkeypatch)
    (key,) = codes_of(scene, labelset)
    scene.machine.store.put(key, scene.machine.store.get(key)[:-1])
    with capture_logs() as logs:
        assert inverted_steps(scene, second, monkeypatch) == ({4, 8, 12, 16}, codes)
    assert [one["key"] for one in logs if one["event"] == "damaged state left out"] == [key]


def test_a_deleted_labelset_has_no_codes(scene: Scene) -> None:
    """A delete removes them, and a fit that is running meanwhile stores none."""
    labelset = scene.add_labelset()
    first, second = (scene.request_fit(labelset=labelset) for _ in range(2))
    fits.run(scene.machine, str(first.ref), 1)
    assert len(codes_of(scene, labelset)) == 1
    manifest = keys.manifest("default", "labelsets", labelset.id)
    kept = scene.machine.store.get(manifest)
    prefix = keys.resource_prefix("default", "labelsets", labelset.id)
    images = {
        one.key: scene.machine.store.get(one.key)
        for one in scene.machine.store.list(f"{prefix}/files")
    }
    records.delete_objects(
        scene.machine.store,
        prefix,
        tombstone_key=keys.tombstone("default", "labelsets", labelset.id),
        first=manifest,
    )
    assert codes_of(scene, labelset) == []
    for key, data in {manifest: kept, **images}.items():  # the fit has read them before
        scene.machine.store.put(key, data)
    fits.run(scene.machine, str(second.ref), 1)
    assert result_of(scene, second)[0] is not None
    assert codes_of(scene, labelset) == []
