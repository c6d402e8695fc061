"""The objects in the store of one training of a generator as a job: its state, its best networks, and its report.

State and networks are scratch: they are deleted when the job ends. All attempts share their keys.
"""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from contracts.base import Artefact
from contracts.generators.training import TrainingReport
from models.generators.training import GeneratorTraining
from models.serialization import pack_network
from state import keys, records
from workers.importing.storing import PackedNetwork, store_sample
from workers.runtime.jobs import Run
from workers.saving.save_timer import SaveTimer
from workers.training.snapshots import (
    encode_grid,
    finite_networks,
    pack_state,
    unpack_state,
)

STAGE = "training"


class JobKeeper:
    """Saves and restores one training. Implements `TrainingKeeper` of `generator_loop.py`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._store = run.machine.store
        self._ledger = run.machine.ledger
        self._ref = run.ref
        self._scratch = keys.job_scratch(run.ref)
        self._timer = SaveTimer(run.machine.settings.keep_interval)

    @property
    def is_due(self) -> bool:
        return self._timer.is_due

    def on_step(self, images_seen: int, total_images: int, losses: dict[str, float]) -> None:
        """Publish the progress about once a second. Raises as `Run.check_cancelled`."""
        self._run.step(STAGE, images_seen, total_images)

    def on_measuring(self, images_seen: int, total_images: int) -> None:
        """Do the same as after a step."""
        self._run.step(STAGE, images_seen, total_images)

    def save_sheet(self, samples: Tensor, images_seen: int) -> Artefact:
        """Store the sheet of a snapshot under its digest."""
        return store_sample(self._run, encode_grid(samples), "png", "image/png")

    def save(self, training: GeneratorTraining, seconds: float) -> None:
        """Save the state, and how many seconds the training has taken."""
        with self._timer.saving():
            self._store.put(f"{self._scratch}/training.pt", pack_state(training, seconds=seconds))
            self._ledger.record_saved_work(self._ref)

    def read_state(self, device: torch.device) -> dict[str, Any] | None:
        """Return the state that an earlier attempt has saved, if any."""
        data = self._get("training.pt")
        return None if data is None else unpack_state(data, device)

    def save_best(self, training: GeneratorTraining) -> None:
        """Save the networks of the best snapshot. Raises `Diverged`, before anything is saved."""
        names = []
        for built in finite_networks(training):
            tensors, config = pack_network(built.network, dict(built.config))
            self._store.put(f"{self._scratch}/{built.name}.safetensors", tensors)
            self._store.put(f"{self._scratch}/{built.name}.json", config)
            names.append(built.name)
        self._store.put(f"{self._scratch}/networks.json", json.dumps(names).encode())

    def read_best(self) -> Mapping[str, PackedNetwork]:
        """Return the networks of the best snapshot, by name."""
        names = json.loads(self._store.get(f"{self._scratch}/networks.json"))
        return {name: self._packed(name) for name in names}

    def save_report(self, report: TrainingReport) -> None:
        """Publish the report."""
        records.write(self._store, keys.training_report(self._ref), report)

    def read_report(self) -> TrainingReport:
        """Return the published report."""
        report = self.find_report()
        assert report is not None
        return report

    def find_report(self) -> TrainingReport | None:
        """Return the report of this or an earlier attempt, if any."""
        return records.read(self._store, keys.training_report(self._ref), TrainingReport)

    def finish(self) -> None:
        """Mark the generator as trained: a later attempt begins with the inverter."""
        self._store.put(f"{self._scratch}/finished", b"")

    def has_finished(self) -> bool:
        """Return whether the generator is trained."""
        return self._store.head(f"{self._scratch}/finished") is not None

    def is_stopped(self) -> bool:
        """Return whether the caller wants the training to end with its best snapshot."""
        return self._store.head(keys.training_stop(self._ref)) is not None

    def _packed(self, name: str) -> PackedNetwork:
        config = self._store.get(f"{self._scratch}/{name}.json")
        tensors = self._store.get(f"{self._scratch}/{name}.safetensors")
        return PackedNetwork(tensors, config, json.loads(config))

    def _get(self, name: str) -> bytes | None:
        try:
            return self._store.get(f"{self._scratch}/{name}")
        except FileNotFoundError:
            return None
