"""Which stages a job passes, and how much time is left for all of it.

The service tells the time left of the present stage. What follows is estimated: each stage's seconds in an earlier fit,
times the speed of the present one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handsoff_client.nouns.resources import Fit, Job

Seconds = Mapping[str, float]

FIT_SECONDS: Seconds = {
    "inverting": 96.0,
    "estimating": 163.0,
    "training": 136.0,
    "labelling": 3.0,
    "inverting held-out": 96.0,
    "labelling held-out": 3.0,
}
"""The proportions where no earlier fit is known: `stage_seconds` of 16 images of 64 px with default options."""

_PLANS: Mapping[str, tuple[str, ...]] = {
    "generator": ("fetching", "reading", "sampling"),
    "inverter": ("training",),
    "batch": ("rendering",),
}
_FASTEST, _SLOWEST = 0.02, 50.0


@dataclass(frozen=True)
class Stages:
    """A job's stages in order, and the place of the present one; -1 when none is known."""

    names: tuple[str, ...]
    place: int

    @property
    def passed(self) -> tuple[str, ...]:
        """The stages that are over."""
        return self.names[: max(self.place, 0)]

    @property
    def coming(self) -> tuple[str, ...]:
        """The stages that follow the present one."""
        return self.names[self.place + 1 :]


@dataclass(frozen=True)
class Outlook:
    """The stages of jobs, and how long they took in an earlier one (`reference`)."""

    reference: Seconds = field(default_factory=lambda: FIT_SECONDS)

    def stages(self, job: Job) -> Stages:
        """The stages of a job; one that no plan knows is put where the job is now."""
        names = _plan(job)
        stage = job.progress.stage if job.progress else ""
        if not stage:
            return Stages(names, -1)
        if stage not in names:
            names = (stage, *names) if stage in ("fetching", "pilot") else (*names, stage)
        return Stages(names, names.index(stage))

    def seconds_left(self, job: Job) -> float | None:
        """The time left for the whole job; None while the present stage has no estimate, or a later one is unknown."""
        progress, stages = job.progress, self.stages(job)
        if progress is None or progress.eta_seconds is None:
            return None
        if not stages.coming:
            return progress.eta_seconds
        if any(name not in self.reference for name in (progress.stage, *stages.coming)):
            return None
        share_left = 1 - progress.done / progress.total if progress.total else 0.0
        if share_left <= 0:
            return None
        whole_stage = progress.eta_seconds / share_left
        pace = whole_stage / max(self.reference[progress.stage], 1e-3)
        pace = min(max(pace, _FASTEST), _SLOWEST)
        return progress.eta_seconds + pace * sum(self.reference[name] for name in stages.coming)


def outlook_from(earlier: Sequence[Fit], fit: Fit) -> Outlook:
    """The outlook by the newest of these fits that had the same generator and options, and says how long it took."""
    for one in earlier:
        is_alike = one.generator == fit.generator and one.json.get("options") == fit.json.get(
            "options"
        )
        found = (one.metrics or {}).get("stage_seconds")
        if is_alike and isinstance(found, Mapping) and found:
            usable = {
                str(name): float(took)
                for name, took in found.items()
                if isinstance(took, int | float)
            }
            return Outlook({**_scaled(usable), **usable})
    return Outlook()


def _scaled(measured: Seconds) -> Seconds:
    """The built-in proportions at the pace of a measured fit, for stages that it did not have."""
    common = [name for name in FIT_SECONDS if name in measured]
    ours = sum(FIT_SECONDS[name] for name in common)
    pace = sum(measured[name] for name in common) / ours if ours else 1.0
    return {name: pace * took for name, took in FIT_SECONDS.items()}


def _plan(job: Job) -> tuple[str, ...]:
    if not isinstance(job, Fit):
        return _PLANS.get(job.kind, ())
    options = job.json.get("options")
    estimates = not isinstance(options, Mapping) or options.get("estimate", True)
    heldout = ("inverting held-out", "labelling held-out") if job.validation_labelset else ()
    return ("inverting", *(("estimating",) if estimates else ()), "training", "labelling", *heldout)
