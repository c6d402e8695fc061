"""The stages of a job, and an estimate of the time left for the whole job.

The service estimates the time left of the current stage. The later stages are estimated here: the seconds of each stage
in an earlier fit, times the relative speed of the current job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handsoff_client.api.evaluations import Evaluation
from handsoff_client.api.resources import Fit, Generator, Job

Seconds = Mapping[str, float]

FIT_SECONDS: Seconds = {
    "inverting": 96.0,
    "inverting mirrored": 96.0,
    "estimating": 163.0,
    "comparing": 80.0,
    "training": 136.0,
    "sampling": 10.0,
    "labelling": 3.0,
    "inverting held-out": 96.0,
    "labelling held-out": 3.0,
}
"""The proportions without an earlier fit: `stage_seconds` of 16 images of 64 px with default options."""

_PLANS: Mapping[str, tuple[str, ...]] = {
    "generator": ("fetching", "reading", "sampling"),
    "inverter": ("training",),
    "batch": ("rendering",),
    "labeling": ("fetching", "unpacking", "labelling"),
}
TRAINING_PLAN = ("fetching", "checking", "decoding", "training", "sampling", "inverter")
"""The stages of the training of a generator."""

DIRECT_ARM = "direct"
"""The arm without a training: the fit labels the held-out images."""
EVALUATION_SECONDS: Seconds = {
    "reading": 1.0,
    "generating": 30.0,
    "inverting": 60.0,
    "labelling": 2.0,
    "reporting": 5.0,
}
"""The proportions of an evaluation beside its trainings."""
TRAINING_SECONDS = 60.0
"""Each training of an evaluation takes the same number of steps."""

_FASTEST, _SLOWEST = 0.02, 50.0


@dataclass(frozen=True)
class Stages:
    """The stages of a job in order, and the position of the current one; -1 when it is unknown."""

    names: tuple[str, ...]
    place: int

    @property
    def later(self) -> tuple[str, ...]:
        """The stages after the current one."""
        return self.names[self.place + 1 :]


@dataclass(frozen=True)
class Schedule:
    """The stages of jobs, and their seconds in an earlier job (`reference`)."""

    reference: Seconds = field(default_factory=lambda: FIT_SECONDS)

    def stages(self, job: Job) -> Stages:
        """Return the stages of a job. An unknown stage is added at the position of the job."""
        names = _plan(job)
        stage = job.progress.stage if job.progress else ""
        if not stage:
            return Stages(names, -1)
        if stage not in names:
            names = (stage, *names) if stage in ("fetching", "pilot") else (*names, stage)
        return Stages(names, names.index(stage))

    def seconds_left(self, job: Job) -> float | None:
        """Return the time left for the whole job; None without an estimate of the current stage or of a later one."""
        progress, stages = job.progress, self.stages(job)
        if progress is None or progress.eta_seconds is None:
            return None
        if not stages.later:
            return progress.eta_seconds
        if any(name not in self.reference for name in (progress.stage, *stages.later)):
            return None
        share_left = 1 - progress.done / progress.total if progress.total else 0.0
        if share_left <= 0:
            return None
        whole_stage = progress.eta_seconds / share_left
        pace = whole_stage / max(self.reference[progress.stage], 1e-3)
        pace = min(max(pace, _FASTEST), _SLOWEST)
        return progress.eta_seconds + pace * sum(self.reference[name] for name in stages.later)


def schedule_from(earlier: Sequence[Fit], fit: Fit) -> Schedule:
    """Return the schedule of the newest earlier fit with the same generator and options that has `stage_seconds`."""
    for one in earlier:
        is_similar = one.generator == fit.generator and one.json.get("options") == fit.json.get(
            "options"
        )
        stage_seconds = (one.metrics or {}).get("stage_seconds")
        if is_similar and isinstance(stage_seconds, Mapping) and stage_seconds:
            measured = {
                str(name): float(seconds)
                for name, seconds in stage_seconds.items()
                if isinstance(seconds, int | float)
            }
            return Schedule({**_scaled(measured), **measured})
    return Schedule()


def evaluation_schedule(evaluation: Evaluation) -> Schedule:
    """Return the schedule of an evaluation: its arms take time in proportion to their trainings."""
    arms = {arm.arm: TRAINING_SECONDS * arm.total for arm in evaluation.arms}
    return Schedule({**EVALUATION_SECONDS, **arms})


def _scaled(measured: Seconds) -> Seconds:
    """Return the built-in proportions at the pace of a measured fit, for stages that it did not have."""
    common = [name for name in FIT_SECONDS if name in measured]
    built_in = sum(FIT_SECONDS[name] for name in common)
    pace = sum(measured[name] for name in common) / built_in if built_in else 1.0
    return {name: pace * seconds for name, seconds in FIT_SECONDS.items()}


def _plan(job: Job) -> tuple[str, ...]:
    if isinstance(job, Generator) and job.training is not None:
        return TRAINING_PLAN
    if isinstance(job, Evaluation):
        return _evaluation_plan(job)
    if not isinstance(job, Fit):
        return _PLANS.get(job.kind, ())
    options = _mapping(job.json.get("options"))
    estimates = options.get("estimate", True)
    mirrored = ("inverting mirrored",) if _mapping(options.get("ensemble")).get("flips") else ()
    heldout = ("inverting held-out", "labelling held-out") if job.validation_labelset else ()
    checks = ("estimating", "comparing") if estimates else ()
    samples = ("sampling",) if estimates else ()
    return ("inverting", *mirrored, *checks, "training", *samples, "labelling", *heldout)


def _mapping(value: object) -> Mapping[str, object]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def _evaluation_plan(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the stages of an evaluation: one for each arm that trains, two for direct labels."""
    names = [arm.arm for arm in evaluation.arms]
    generating = ("generating",) if {"synthetic", "mixed"} & set(names) else ()
    arms = [("inverting", "labelling") if name == DIRECT_ARM else (name,) for name in names]
    return ("reading", *generating, *(stage for arm in arms for stage in arm), "reporting")
