"""The loop of a generator's training: steps until the budget is spent, snapshots, states, the report.

The job and the operator's command run it. A `TrainingKeeper` is what differs between them.
"""

import math
import time
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from contracts.base import Artefact
from contracts.errors.jobs import JobFailed
from contracts.generators.training import TrainingOptions, TrainingReport, TrainingSnapshot
from models.generators.training import GeneratorTraining
from workers.runtime.pulse import Drained
from workers.training.images.sources import Batches
from workers.training.snapshots import Diverged, Losses, Ruler, restore

CHECK_STOP_SECONDS = 1.0

GENERATOR_SHARE = 0.75
"""Of the time. The inverter takes the rest: its 10% of the images cost about 3.5 times as much each, at 64 px."""

NUM_SNAPSHOTS = 15
"""By default, at most. At 64 px one takes half a minute of a core for StyleGAN2, and two minutes for diffusion."""

LONGEST_SHARE = 0.1
"""Of the time, at most, is spent on default snapshots: where they take long there are fewer."""

WARM_UP_STEPS, MEASURED_STEPS = 1, 2
"""Before the expected time is published. The first step includes a warm-up and the R1 penalty."""

DIVERGED = "Training diverged: a loss, a sample or a weight is not finite."


@dataclass(frozen=True)
class Budget:
    """The length of a generator's training: in seconds or in images. `share` is its part of the whole job's time."""

    seconds: float | None
    images: int | None
    share: float

    @classmethod
    def of(cls, options: TrainingOptions, *, has_inverter: bool) -> Self:
        """Return the generator's part of the options' budget."""
        share = GENERATOR_SHARE if has_inverter else 1.0
        seconds = None if options.hours is None else options.hours * 3600 * share
        return cls(seconds, options.images, share)

    def done(self, images_seen: int, seconds: float) -> float:
        """Return the part that is spent, from 0 to 1."""
        if self.images is not None:
            return min(images_seen / self.images, 1.0)
        assert self.seconds is not None
        return min(seconds / self.seconds, 1.0)

    def total_images(self, images_seen: int, seconds: float, speed: float) -> int:
        """Return how many images the whole training will see, at `speed` images per second from now on."""
        if self.images is not None:
            return max(self.images, images_seen)
        assert self.seconds is not None
        return images_seen + max(round((self.seconds - seconds) * speed), 0)


class TrainingKeeper(Protocol):
    """Keeps the states, the best networks and the report of one training, and watches its steps."""

    @property
    def is_due(self) -> bool:
        """Whether the next state should be saved."""

    def read_state(self, device: torch.device) -> dict[str, Any] | None:
        """Return the state that an earlier run has saved, if any."""

    def find_report(self) -> TrainingReport | None:
        """Return the report of this or an earlier run, if any."""

    def is_stopped(self) -> bool:
        """Return whether the training should end now, with its best snapshot."""

    def on_step(self, images_seen: int, total_images: int, losses: dict[str, float]) -> None:
        """Show a finished step. An exception ends the training."""

    def on_measuring(self, images_seen: int, total_images: int) -> None:
        """Show that a snapshot is being measured; called often. An exception ends the training."""

    def save_sheet(self, samples: Tensor, images_seen: int) -> Artefact:
        """Save a sheet of samples [n, 3, h, w] in [-1, 1]."""

    def save_best(self, training: GeneratorTraining) -> None:
        """Save the networks of the best snapshot. Raises `Diverged`, before anything is saved."""

    def save(self, training: GeneratorTraining, seconds: float) -> None:
        """Save the state, and how many seconds the training has taken."""

    def save_report(self, report: TrainingReport) -> None:
        """Publish the report."""


class GeneratorLoop:
    """Trains until the budget is spent or the caller stops it. Cancelling and draining end it with an exception.

    Without `snapshot_images` there are up to `NUM_SNAPSHOTS` snapshots, as far as they do not take too long.
    """

    def __init__(
        self,
        keeper: TrainingKeeper,
        training: GeneratorTraining,
        batches: Batches,
        ruler: Ruler,
        *,
        budget: Budget,
        snapshot_images: int | None,
    ) -> None:
        self._keeper = keeper
        self._training = training
        self._batches = batches
        self._ruler = ruler
        self._budget = budget
        self._snapshot_images = snapshot_images
        self.has_diverged = False
        self._began = time.monotonic()
        self._checked_at = 0.0
        self._measured_at = self._began
        self._measuring_took = 0.0
        self._resumed_at, self._resumed_after = 0, 0.0  # images and seconds of earlier runs
        self._losses = Losses()

    def train(self, report: TrainingReport) -> None:
        """Train to the end; the keeper then has the best networks and the report. `report` has the facts of the images.

        Raises:
            JobFailed: the training diverged before its first snapshot.
        """
        self._report = report.model_copy(update={"keeps_latest": self._training.keeps_latest})
        self._resume()
        self._keeper.save_report(self._report)
        try:
            self._run_steps()
            if self._last_measured() < self._training.images_seen or not self._report.snapshots:
                self._snapshot()
        except Diverged:
            self._end_at_best()
        except Drained:
            self._save()
            raise

    def _run_steps(self) -> None:
        batches = self._batches.after(self._training.images_seen)
        step, measured_from, first = 0, 0.0, 0
        while not self._is_over():
            if step == WARM_UP_STEPS:
                measured_from, first = time.monotonic(), self._training.images_seen
            self._step(next(batches))
            step += 1
            if step == WARM_UP_STEPS + MEASURED_STEPS:
                seconds = time.monotonic() - measured_from
                self._expect((self._training.images_seen - first) / max(seconds, 1e-9))
            if self._is_snapshot_due():
                self._snapshot()
            elif self._keeper.is_due:
                self._save()

    def _end_at_best(self) -> None:
        """Use the best snapshot of a training that diverged after it."""
        self.has_diverged = True
        if not self._report.snapshots:
            raise JobFailed(f"{DIVERGED} Use a smaller px, more images, or another seed.")
        warning = f"{DIVERGED} The result is the best snapshot before that"
        warnings = (*self._report.warnings, warning)
        self._report = self._report.model_copy(update={"warnings": warnings})
        self._keeper.save_report(self._report)

    @property
    def _seconds(self) -> float:
        """The time of all runs so far."""
        return time.monotonic() - self._began

    def _resume(self) -> None:
        """Continue from the last saved state and the report's snapshots until then."""
        saved = self._keeper.read_state(self._training.device)
        if saved is None:
            return
        restore(self._training, saved)
        self._resumed_at = self._training.images_seen
        # The command of version 0.1.0 saved no time.
        self._resumed_after = saved.get("seconds", 0.0)
        self._began -= self._resumed_after
        before = self._keeper.find_report()
        if before is not None:
            seen = self._training.images_seen
            kept = tuple(each for each in before.snapshots if each.images_seen <= seen)
            update = {"snapshots": kept, "expected_seconds": before.expected_seconds}
            self._report = self._report.model_copy(update=update)

    def _step(self, images: Tensor) -> None:
        losses = self._training.step(images)
        if not all(map(math.isfinite, losses.values())):
            raise Diverged
        self._losses.add(losses)
        self._keeper.on_step(*self._progress(), losses)

    def _progress(self) -> tuple[int, int]:
        """Return the images seen and their expected total."""
        seen = self._training.images_seen
        return seen, max(self._report.total_images or 0, seen + 1)

    def _is_over(self) -> bool:
        if self._budget.done(self._training.images_seen, self._seconds) >= 1.0:
            return True
        if time.monotonic() - self._checked_at < CHECK_STOP_SECONDS:
            return False
        self._checked_at = time.monotonic()
        return self._keeper.is_stopped()

    def _is_snapshot_due(self) -> bool:
        seen = self._training.images_seen
        if self._snapshot_images is not None:
            every = self._snapshot_images
            return seen // every > self._last_measured() // every
        if time.monotonic() - self._measured_at < self._measuring_took / LONGEST_SHARE:
            return False
        last = max(self._report.snapshots, key=lambda each: each.images_seen, default=None)
        spent = self._budget.done(last.images_seen, last.seconds) if last else 0.0
        return self._budget.done(seen, self._seconds) - spent >= 1.0 / NUM_SNAPSHOTS

    def _last_measured(self) -> int:
        seen = (each.images_seen for each in self._report.snapshots)
        return max(seen, default=self._resumed_at)

    def _snapshot(self) -> None:
        """Measure, publish, and keep the networks if they are the result so far."""
        seen = self._training.images_seen
        began = time.monotonic()
        measurement = self._ruler.measure(self._training, on_part=self._on_measuring)
        self._measured_at = time.monotonic()
        self._measuring_took = self._measured_at - began
        if not math.isfinite(measurement.fd):
            raise Diverged
        snapshot = TrainingSnapshot(
            images_seen=seen,
            seconds=round(self._seconds, 1),
            fd=measurement.fd,
            losses=self._losses.means(),
            sheet=self._keeper.save_sheet(measurement.samples, seen),
        )
        snapshots = (*self._report.snapshots, snapshot)
        report = self._report.model_copy(update={"snapshots": snapshots})
        if report.best is snapshot:
            self._keeper.save_best(self._training)
        self._report = report
        self._save()

    def _on_measuring(self) -> None:
        self._keeper.on_measuring(*self._progress())

    def _expect(self, speed: float) -> None:
        """Publish the expected time of the whole job, from a measured speed."""
        seen, seconds = self._training.images_seen, self._seconds
        total = self._budget.total_images(seen, seconds, speed)
        expected = (seconds + (total - seen) / speed) / self._budget.share
        self._publish(speed, total, expected=self._report.expected_seconds or round(expected, 1))

    def _save(self) -> None:
        """Save the state, and publish the report with the speed of this run so far."""
        seen, seconds = self._training.images_seen, self._seconds
        self._keeper.save(self._training, seconds)
        speed = (seen - self._resumed_at) / max(seconds - self._resumed_after, 1e-9)
        self._publish(speed, self._budget.total_images(seen, seconds, speed))

    def _publish(self, speed: float, total: int, expected: float | None = None) -> None:
        seen, seconds = self._training.images_seen, self._seconds
        update = {
            "images_seen": seen,
            "total_images": total,
            "seconds": round(seconds, 1),
            "images_per_second": round(speed, 3),
            "seconds_left": round((total - seen) / speed, 1) if speed else None,
        }
        if expected is not None:
            update["expected_seconds"] = expected
        self._report = self._report.model_copy(update=update)
        self._keeper.save_report(self._report)
