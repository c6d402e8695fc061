"""`python -m benchmarks.service`: pairs per second through the whole service with one worker, against the bare loop.

A quick fit of the built-in generator, then rounds of both: a batch asked for over HTTP until its manifest stands, and
the same pairs rendered, labelled, encoded and tarred in this process's memory, with as many threads and nothing else.
Both are warmed up first. Processor time is told beside wall time, for machines with neighbours. The last line is JSON.
"""

import argparse
import io
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import torch
from pydantic import SecretStr

from benchmarks.running import processor_seconds, quick_fit
from contracts.batches import BatchRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from examples.demo.road import Road
from examples.demo.stack import Stack
from models.sampling import Candidate
from state import keys, records
from state.settings import Settings
from workers.codecs.tars import TarWriter
from workers.families.table import FAMILIES
from workers.rendering.rendering import Renderer
from workers.runtime.machine import Machine

WARM_UP_PAIRS = 64


@dataclass(frozen=True)
class Service:
    """A running service with a fit, and this process's own view of its store."""

    road: Road
    machine: Machine
    fit: str
    worker_pid: int

    def batch(self, num_pairs: int, seed: int) -> str:
        """Asks for a batch and waits for its end; returns its id."""
        batch = self.road.start_batch(fit=self.fit, n=num_pairs, seed=seed)
        self.road.succeed(f"/v1/batches/{batch}")
        return batch

    def request(self, batch: str) -> BatchRequest:
        """What the app has frozen for the workers."""
        ref = JobRef(tenant=DEFAULT_TENANT, id=batch)
        found = records.read(self.machine.store, keys.job_request(ref), BatchRequest)
        assert found is not None
        return found

    def wall_seconds(self, batch: str) -> float:
        """From the request to the manifest, by the service's own clock: polling for the end costs nobody."""
        job = self.road.read(f"/v1/batches/{batch}")
        begun, ended = (datetime.fromisoformat(job[at]) for at in ("created_at", "finished_at"))
        return (ended - begun).total_seconds()

    def worker_seconds(self) -> float:
        """The processor time that the worker has taken in its life."""
        return processor_seconds(self.worker_pid)


@dataclass(frozen=True)
class Rates:
    """Pairs per second of wall time and of processor time, one round of each kind."""

    service: float
    bare: float
    service_processor: float
    bare_processor: float


def main() -> None:
    """Start the service, fit, alternate, and tell."""
    parsed = _parse()
    torch.set_num_threads(len(os.sched_getaffinity(0)))  # as the workers do
    with tempfile.TemporaryDirectory() as name, Stack(Path(name)) as stack:
        stack.start()
        road = Road(stack.address)
        fit = quick_fit(road, Path(name) / "labels")
        settings = Settings(
            store_url=stack.environment["HANDSOFF_STORE_URL"],
            redis_url=SecretStr(stack.environment["HANDSOFF_REDIS_URL"]),
        )
        worker = stack.processes["generate"].pid
        service = Service(road, Machine.from_settings(settings, FAMILIES), fit, worker)
        rounds = _measure(service, parsed.pairs, parsed.rounds)
        road.close()
    result = {
        "benchmark": "service",
        "threads": torch.get_num_threads(),
        "pairs": parsed.pairs * parsed.rounds,
        "service_pairs_per_second": round(median(one.service for one in rounds), 2),
        "bare_pairs_per_second": round(median(one.bare for one in rounds), 2),
        "service_over_bare": round(median(one.service / one.bare for one in rounds), 3),
        "service_over_bare_processor": round(
            median(one.service_processor / one.bare_processor for one in rounds), 3
        ),
    }
    print(json.dumps(result))


def _measure(service: Service, num_pairs: int, rounds: int) -> list[Rates]:
    """Round by round; a small round warms up."""
    found = []
    for number, count in enumerate([WARM_UP_PAIRS, *[num_pairs] * rounds]):
        before = service.worker_seconds()
        batch = service.batch(count, seed=number)
        taken = service.worker_seconds() - before
        wall, processor = _bare_seconds(service, batch)
        rates = Rates(
            count / service.wall_seconds(batch), count / wall, count / taken, count / processor
        )
        print(f"{count} pairs: {rates}", file=sys.stderr)
        found.append(rates)
    return found[1:]


def _bare_seconds(service: Service, batch: str) -> tuple[float, float]:
    """Wall and processor time of the same pairs, one after another, with nothing around them."""
    request = service.request(batch)
    began, processor_began = time.monotonic(), time.process_time()
    renderer = Renderer(
        service.machine,
        request.tenant,
        request.fit,
        seed=request.seed,
        truncation=request.truncation,
    )
    with TarWriter(io.BytesIO()) as tar:
        for sample in renderer.render([Candidate(index) for index in range(request.n)]):
            tar.add(sample.encode(request.labels, request.image_format))
    return time.monotonic() - began, time.process_time() - processor_began


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    parser.add_argument("--pairs", type=int, default=512, help="of one round")
    parser.add_argument("--rounds", type=int, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    main()
