"""The files of a training by command: the state to resume from, samples, the log, the report, and the networks.

OUT/checkpoint.pt, samples-*.png, training_log.jsonl, training.json, and generator.* and discriminator.* of the best
snapshot, as safetensors + JSON.
"""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, final

import torch
from pydantic import ValidationError
from torch import Tensor

from contracts.base import Artefact
from contracts.digests import sha256_of
from contracts.generators.training import TrainingReport, TrainingSnapshot
from models.generators.training import GeneratorTraining
from workers.runtime.weights import write_network
from workers.saving.save_timer import SaveTimer
from workers.training.generator_recipes import Recipe
from workers.training.snapshots import (
    encode_grid,
    finite_networks,
    pack_state,
    unpack_state,
)
from workers.training.training_options import InputError
from workers.training.training_progress import TrainingProgress, print_line

CHECKPOINT, REPORT, LOG = "checkpoint.pt", "training.json", "training_log.jsonl"
PARTIAL = "partial"
KEEP_INTERVAL = timedelta(minutes=1)


def read_checkpoint(out: Path, recipe: Recipe, device: torch.device) -> dict[str, Any] | None:
    """Return the state in a folder, if there is one.

    Raises:
        InputError: it cannot be read, or is of another family or with other options than the recipe's.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return None
    try:
        saved = unpack_state(path.read_bytes(), device)
        has_state = "state" in saved and "rng" in saved
    except Exception as error:  # torch raises errors of many types for a damaged file
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}); use another OUT, or remove the file to start again"
        ) from error
    if not has_state:
        raise InputError(
            f"expected the state of a training in {path}, got another file; use another OUT"
        )
    # Version 0.1.0 had one family and one loss, and saved no names.
    given = {"family": recipe.family, **recipe.fixed}
    defaults = {"family": "stylegan2", "loss": "nonsaturating"}
    for option, value in given.items():
        before = saved.get(option, defaults[option])
        if before != value:
            raise InputError(
                f"expected --{option} {before} of the checkpoint in {out}, got {value}; pass --{option} {before} or"
                " another OUT"
            )
    return saved


@final
class FolderKeeper:
    """Implements `TrainingKeeper` of `generator_loop.py`."""

    def __init__(
        self,
        out: Path,
        recipe: Recipe,
        saved: dict[str, Any] | None,
        *,
        progress: TrainingProgress,
        facts: Callable[[], dict[str, Any]],
    ) -> None:
        self._out = out
        self._recipe = recipe
        self._saved = saved
        self._progress = progress
        self._facts = facts
        self._timer = SaveTimer(KEEP_INTERVAL)
        self._num_logged: int | None = None
        self._images_seen, self._stepped_at = progress.images_seen, time.monotonic()
        self._since = self._images_seen, self._stepped_at

    @property
    def is_due(self) -> bool:
        return self._timer.is_due

    def read_state(self, device: torch.device) -> dict[str, Any] | None:
        """Return the state once."""
        if self._saved is None:
            return None
        saved = dict(self._saved)
        self._saved.clear()  # the caller's variable would keep the state in memory for the whole training
        self._saved = None
        return saved

    def find_report(self) -> TrainingReport | None:
        path = self._out / REPORT
        if not path.exists():  # of version 0.1.0
            return None
        try:
            return TrainingReport.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise InputError(
                f"{path} is not the report of a training; remove it to continue from {CHECKPOINT} without it"
            ) from error

    def is_stopped(self) -> bool:
        return False

    def on_step(self, images_seen: int, total_images: int, losses: dict[str, float]) -> None:
        """Count the step for the line that is printed every few seconds."""
        self._images_seen, self._stepped_at = images_seen, time.monotonic()
        self._progress.step(images_seen, losses)

    def on_measuring(self, images_seen: int, total_images: int) -> None:
        """Name the work in the next line."""
        self._progress.stage("measuring a snapshot")

    def save_sheet(self, samples: Tensor, images_seen: int) -> Artefact:
        """Write the sheet of a snapshot under its number of images."""
        data, name = encode_grid(samples), f"samples-{images_seen:08d}.png"
        (self._out / name).write_bytes(data)
        return Artefact(
            key=name, sha256=sha256_of(data), num_bytes=len(data), media_type="image/png"
        )

    def save_best(self, training: GeneratorTraining) -> None:
        """Replace the networks. They are written beside the old ones first, so that no kill leaves half a file."""
        networks, partial = finite_networks(training), self._out / PARTIAL
        for built in networks:
            write_network(partial, built.name, built.network, dict(built.config))
        for path in sorted(partial.iterdir()):
            path.replace(self._out / path.name)
        partial.rmdir()

    def save(self, training: GeneratorTraining, seconds: float) -> None:
        facts = {"family": self._recipe.family, **self._recipe.fixed}
        with self._timer.saving():
            self._write(CHECKPOINT, pack_state(training, seconds=seconds, **facts))

    def save_report(self, report: TrainingReport) -> None:
        """Write the report; write and print a line of the log for a new snapshot."""
        self._write(REPORT, report.model_dump_json(indent=2).encode())
        if self._num_logged is not None and len(report.snapshots) > self._num_logged:
            self._log(report, report.snapshots[-1])
        self._num_logged = len(report.snapshots)

    def _log(self, report: TrainingReport, snapshot: TrainingSnapshot) -> None:
        images, began = self._since
        speed = (self._images_seen - images) / max(self._stepped_at - began, 1e-9)
        self._since = self._images_seen, time.monotonic()
        best = report.best
        row = {
            **snapshot.losses,
            "images_per_second": speed,
            "images_seen": snapshot.images_seen,
            "fd_random": snapshot.fd,
            "best_images_seen": best.images_seen if best else None,
            **self._facts(),
        }
        line = json.dumps(row)
        with (self._out / LOG).open("a") as log:
            log.write(line + "\n")
        print_line(line)

    def _write(self, name: str, data: bytes) -> None:
        partial = self._out / f"{name}.{PARTIAL}"
        partial.write_bytes(data)
        partial.replace(self._out / name)
