"""Messages about a running training: the images, the expected time, and each new snapshot."""

from collections.abc import Callable
from datetime import timedelta

from handsoff_client.api.resources import Generator, Job, Training


class TrainingNews:
    """Writes each fact about a training once."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._num_facts = 0
        self._num_warnings = 0
        self._num_snapshots = 0
        self._is_expected = False

    def show(self, job: Job) -> None:
        """Write what is new. Jobs without a training have no news."""
        if isinstance(job, Generator) and job.training is not None:
            for line in self._news(job.training):
                self._write(line)

    def _news(self, training: Training) -> list[str]:
        lines = list(training.facts[self._num_facts :])
        lines += [f"warning: {each}" for each in training.warnings[self._num_warnings :]]
        if training.expected_seconds is not None and not self._is_expected:
            self._is_expected = True
            expected = timedelta(seconds=round(training.expected_seconds))
            lines.append(f"expected time: {expected}, from measured steps")
        for each in training.snapshots[self._num_snapshots :]:
            best = " (best)" if each.images_seen == training.best_images_seen else ""
            lines.append(f"after {each.images_seen:,} images: distance {each.fd:.4f}{best}")
        self._num_facts, self._num_warnings = len(training.facts), len(training.warnings)
        self._num_snapshots = len(training.snapshots)
        return lines
