"""`python -m benchmarks.service.throughput`: pairs per second of the service and of a bare loop.

After a short fit of the built-in generator, rounds alternate. The service, with one worker, renders a batch requested
over HTTP. The bare loop renders, labels, encodes and tars the same pairs in this process's memory, with as many
threads. Both are warmed up first. Processor time is reported too, because other programs disturb wall time. The last
line is JSON.
"""

import argparse
import io
import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import torch

from benchmarks.service.running import RunningService, processor_seconds, running_service
from contracts.batches import BatchRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from models.sampling import Candidate
from state import keys, records
from workers.codecs.tars import TarWriter
from workers.codecs.task import codecs_of
from workers.families.table import FAMILIES
from workers.rendering.rendering import Renderer
from workers.runtime.machine import Machine

WARM_UP_PAIRS = 64


@dataclass(frozen=True)
class Service:
    """A running service, and this process as a worker of it."""

    running: RunningService
    machine: Machine

    def batch(self, num_pairs: int, seed: int) -> str:
        """Request a batch and wait until it succeeds. Returns its id."""
        batch = self.running.client.start_batch(fit=self.running.fit, n=num_pairs, seed=seed)
        self.running.client.succeed(f"/v1/batches/{batch}")
        return batch

    def request(self, batch: str) -> BatchRequest:
        """Return the stored request of a batch."""
        ref = JobRef(tenant=DEFAULT_TENANT, id=batch)
        request = records.read(self.machine.store, keys.job_request(ref), BatchRequest)
        assert request is not None
        return request

    def wall_seconds(self, batch: str) -> float:
        """Return the time from request to manifest by the service's own clock, which excludes polling."""
        job = self.running.client.read(f"/v1/batches/{batch}")
        began, ended = (datetime.fromisoformat(job[at]) for at in ("created_at", "finished_at"))
        return (ended - began).total_seconds()

    def worker_seconds(self) -> float:
        """Return the processor time of the worker since its start."""
        return processor_seconds(self.running.worker_pid)


@dataclass(frozen=True)
class Rates:
    """Pairs per second of wall time and of processor time in one round."""

    service: float
    bare: float
    service_processor: float
    bare_processor: float


def main() -> None:
    """Start the service, fit, run the rounds and print the result."""
    parsed = _parse()
    torch.set_num_threads(len(os.sched_getaffinity(0)))  # like the workers
    with running_service() as running:
        service = Service(running, Machine.from_settings(running.settings, FAMILIES))
        rounds = _measure(service, parsed.pairs, parsed.rounds)
    result = {
        "benchmark": "service",
        "device": str(service.machine.device),
        "threads": torch.get_num_threads(),
        "pairs": parsed.pairs * parsed.rounds,
        "service_pairs_per_second": round(median(rates.service for rates in rounds), 2),
        "bare_pairs_per_second": round(median(rates.bare for rates in rounds), 2),
        "service_over_bare": round(median(rates.service / rates.bare for rates in rounds), 3),
        "service_over_bare_processor": round(
            median(rates.service_processor / rates.bare_processor for rates in rounds), 3
        ),
    }
    print(json.dumps(result))


def _measure(service: Service, num_pairs: int, rounds: int) -> list[Rates]:
    """Return the rates of each round, without the small warm-up round."""
    measured = []
    for number, count in enumerate([min(WARM_UP_PAIRS, num_pairs), *[num_pairs] * rounds]):
        before = service.worker_seconds()
        batch = service.batch(count, seed=number)
        worker_seconds = service.worker_seconds() - before
        wall, processor = _bare_seconds(service, batch)
        rates = Rates(
            count / service.wall_seconds(batch),
            count / wall,
            count / worker_seconds,
            count / processor,
        )
        print(f"{count} pairs: {rates}", file=sys.stderr)
        measured.append(rates)
    return measured[1:]


def _bare_seconds(service: Service, batch: str) -> tuple[float, float]:
    """Return wall and processor time of the same pairs, rendered one after another without the service."""
    request = service.request(batch)
    began, processor_began = time.monotonic(), time.process_time()
    renderer = Renderer(
        service.machine,
        request.tenant,
        request.fit,
        seed=request.seed,
        truncation=request.truncation,
    )
    codecs = codecs_of(service.machine.tasks, request.labels)
    with TarWriter(io.BytesIO()) as tar:
        for sample in renderer.render([Candidate(index) for index in range(request.n)]):
            files = sample.encode(codecs, request.labels, request.image_format)
            tar.add(sample.index, files)
    return time.monotonic() - began, time.process_time() - processor_began


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.throughput", description=__doc__
    )
    parser.add_argument("--pairs", type=int, default=512, help="pairs per round")
    parser.add_argument("--rounds", type=int, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    main()
