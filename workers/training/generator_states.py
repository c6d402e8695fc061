"""The objects in the store of one training of a generator: its state, its best networks, and its report.

State and networks are scratch: they are deleted when the job ends. All attempts share their keys.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import torch

from contracts.generators.training import TrainingReport
from models.generators.training import GeneratorTraining
from models.serialization import pack_network
from state import keys, records
from workers.importing.storing import PackedNetwork
from workers.runtime.jobs import Run
from workers.runtime.values import first_flaw
from workers.training.snapshots import pack_state, unpack_state

LONGEST_SHARE = 0.05
"""Of the time, at most, is spent on saving states: large networks are saved less often than every `keep_interval`."""


class Diverged(Exception):
    """A loss, a sample or a weight is not finite. The best snapshot before it stays usable."""


class TrainingKeeper:
    """Saves and restores one training."""

    def __init__(self, run: Run) -> None:
        self._store = run.machine.store
        self._ledger = run.machine.ledger
        self._ref = run.ref
        self._scratch = keys.job_scratch(run.ref)
        self._interval = run.machine.settings.keep_interval.total_seconds()
        self._saved_at = time.monotonic()
        self._took = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the next state should be saved."""
        wait = max(self._interval, self._took / LONGEST_SHARE)
        return time.monotonic() - self._saved_at >= wait

    def save(self, training: GeneratorTraining, seconds: float) -> None:
        """Save the state, and how many seconds the training has taken."""
        began = time.monotonic()
        self._store.put(f"{self._scratch}/training.pt", pack_state(training, seconds=seconds))
        self._ledger.record_saved_work(self._ref)
        self._saved_at = time.monotonic()
        self._took = self._saved_at - began

    def read_state(self, device: torch.device) -> dict[str, Any] | None:
        """Return the state that an earlier attempt has saved, if any."""
        data = self._get("training.pt")
        return None if data is None else unpack_state(data, device)

    def save_best(self, training: GeneratorTraining) -> None:
        """Save the networks of the best snapshot. Raises `Diverged`, before anything is saved."""
        networks, names = training.networks(), []
        if any(first_flaw(built.network.state_dict()) for built in networks):
            raise Diverged
        for built in networks:
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
