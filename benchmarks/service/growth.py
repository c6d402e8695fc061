"""What the service costs as batches, jobs and streams grow: requests to the store, bytes in Redis, processor time.

Renders nothing: the records of the shards are placed in a store in memory, and the worker's own code handles them. The
last line is JSON. Requests and bytes are equal on every machine; times are of one processor core.
"""

import argparse
import dataclasses
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import obstore
import structlog
from pydantic import SecretStr

from app.jobs import service
from app.services import Services
from benchmarks.counting import CountedStore, num_bytes, num_commands
from contracts.base import Artefact, now
from contracts.batches import BatchRequest, ShardRecord
from contracts.generators.generator import PinnedGenerator
from contracts.generators.inverters import InverterManifest, InverterOptions, InverterRequest
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import Cancellation, JobStatus, ShardRef, Tombstone
from contracts.recipes.recipe import PinnedFit
from contracts.schemas import LabelSchema
from examples.demo.stack import Stack
from state import keys, records
from state.queues import job_call, put, shard_call
from state.settings import Settings
from workers.families.table import FAMILIES
from workers.rendering import batches
from workers.runtime.machine import Machine
from workers.runtime.worker import Worker
from workers.upkeep.reconcile import Reconciler

LABELS = LabelSchema(classes=tuple(f"class-{index}" for index in range(8)))
MEASURED_SHARDS = 20
AN_HOUR_AGO = now() - timedelta(hours=1)

Costs = dict[str, float]


@contextmanager
def measured(machine: Machine, count: int = 1) -> Iterator[Costs]:
    """Measure the block, per `count` things in it."""
    assert isinstance(machine.store, CountedStore)
    costs: Costs = {}
    commands, began, processor = (
        num_commands(machine.ledger.redis),
        time.monotonic(),
        time.process_time(),
    )
    with machine.store.counting() as requests:
        yield costs
    costs["cpu_seconds"] = (time.process_time() - processor) / count
    costs["seconds"] = (time.monotonic() - began) / count
    costs["commands"] = (num_commands(machine.ledger.redis) - commands) / count
    costs |= {verb: number / count for verb, number in Counter(requests).items()}


def batch_of(num_shards: int) -> BatchRequest:
    """Return a request for one sample in each shard."""
    return BatchRequest(
        tenant=DEFAULT_TENANT,
        id=new_id("batch"),
        created_at=AN_HOUR_AGO,
        fit=PinnedFit(id=new_id("fit"), digest="0" * 64),
        n=num_shards,
        seed=1,
        truncation=0.7,
        filter=None,
        image_format="png",
        shard_size=1,
        render_version=1,
        labels=LABELS,
    )


def place_records(machine: Machine, batch: BatchRequest, indices: range) -> None:
    """Store the records of shards as workers do."""
    counts = (1,) * LABELS.num_classes
    at = now()
    record = ShardRecord(
        index=0,
        tar=Artefact(key=keys.shard_tar(batch.ref, 0, "0" * 32), sha256="0" * 64, num_bytes=1),
        num_samples=1,
        num_candidates=1,
        class_pixels=counts,
        class_images=counts,
        candidate_class_images=counts,
        mean_score=0.1,
        threshold=None,
        started_at=at,
        finished_at=at,
        render_seconds=0.1,
    )
    head, mark, tail = record.model_dump_json(indent=1).partition('"index": 0')
    assert mark
    for index in indices:
        data = f'{head}"index": {index}{tail}'.encode()
        obstore.put(machine.store.objects, keys.shard_record(batch.ref, index), data)


def cost_of_shards(machine: Machine, num_shards: int) -> dict[str, Costs]:
    """Return the costs of one finished shard near the end of a batch, of its end, and of a poll afterwards."""
    batch = batch_of(num_shards)
    records.write(machine.store, keys.job_request(batch.ref), batch)
    measured_last = num_shards - 1
    first = measured_last - MEASURED_SHARDS
    place_records(machine, batch, range(first))
    costs: dict[str, Costs] = {}
    for index in range(first, measured_last):
        place_records(machine, batch, range(index, index + 1))
        if index == first:  # reads the finished shards from the store
            batches.run_shard(machine, str(ShardRef(batch=batch.ref, index=index)), 1)
    with measured(machine, MEASURED_SHARDS - 1) as costs["shard"]:
        for index in range(first + 1, measured_last):
            batches.run_shard(machine, str(ShardRef(batch=batch.ref, index=index)), 1)
    place_records(machine, batch, range(measured_last, num_shards))
    with measured(machine) as costs["end"]:
        batches.run_shard(machine, str(ShardRef(batch=batch.ref, index=measured_last)), 1)
    manifest = machine.store.head(keys.job_manifest(batch.ref))
    costs["end"]["manifest_bytes"] = manifest.num_bytes if manifest else 0
    with measured(machine) as costs["poll"]:
        records.read_job(machine.store, machine.kinds, batch.ref)
    return costs


def bytes_in_redis(machine: Machine, count: int) -> Costs:
    """Return the bytes that stay in Redis for each finished shard, and for each job that has ended."""
    machine.redis.flushall()
    batch = batch_of(count + 1)
    records.write(machine.store, keys.job_request(batch.ref), batch)
    place_records(machine, batch, range(count))
    for index in range(count):
        put(machine.redis, shard_call(ShardRef(batch=batch.ref, index=index), 1))
    Worker("generate", machine).work(burst=True, max_jobs=count, logging_level="ERROR")
    of_shards = num_bytes(machine.redis)
    machine.redis.flushall()
    for job in store_jobs(machine, count, status=None):
        records.write(
            machine.store, keys.job_cancel(job.ref), Cancellation(requested_at=AN_HOUR_AGO)
        )
        put(machine.redis, job_call(machine.kinds, job, machine.ledger.next_attempt(job.ref)))
    Worker("fit", machine).work(burst=True, logging_level="ERROR")
    return {"shard": of_shards / count, "job": num_bytes(machine.redis) / count}


def store_jobs(machine: Machine, count: int, status: JobStatus | None) -> list[InverterRequest]:
    """Store jobs with a status, or unfinished ones."""
    jobs = [
        InverterRequest(
            tenant=DEFAULT_TENANT,
            id=new_id("inverter"),
            created_at=AN_HOUR_AGO,
            seed=1,
            generator=PinnedGenerator(
                id="portraits-64", digest="0" * 64, height_px=64, width_px=64
            ),
            options=InverterOptions(),
        )
        for _ in range(count)
    ]
    for job in jobs:
        records.write(machine.store, keys.job_request(job.ref), job)
        if status is not None:
            manifest = InverterManifest(status=status, started_at=None, finished_at=AN_HOUR_AGO)
            records.write(machine.store, keys.job_manifest(job.ref), manifest)
    return jobs


def cost_of_a_round(machine: Machine, *, ended: int, unfinished: int, large: int) -> Costs:
    """Return the costs of a round of the reconciler with ended and unfinished jobs, and 4,096-shard batches."""
    machine.redis.flushall()
    store_jobs(machine, ended, JobStatus.CANCELLED)
    for _ in range(ended):
        key = keys.tombstone(DEFAULT_TENANT, "streams", new_id("stream"))
        records.write(machine.store, key, Tombstone(deleted_at=AN_HOUR_AGO))
    for job in store_jobs(machine, unfinished, None):
        put(machine.redis, job_call(machine.kinds, job, 1))
    for _ in range(large):
        batch = batch_of(4_096)
        records.write(machine.store, keys.job_request(batch.ref), batch)
        place_records(machine, batch, range(4_000))
    reconciler = Reconciler(machine)
    for _ in range(10):  # the first rounds fill the lists
        reconciler.reconcile()
    machine.redis.delete(f"handsoff:lock:sweep:{DEFAULT_TENANT}")
    with measured(machine) as costs:
        reconciler.reconcile()
    return costs


def cost_of_a_list(machine: Machine, services: Services) -> Costs:
    """Return the costs of a list of the few failed jobs among the jobs of the round."""
    store_jobs(machine, 3, JobStatus.FAILED)
    machine.redis.flushall()
    Reconciler(machine).reconcile()
    with measured(machine) as costs:
        page = service.list_page(
            services,
            DEFAULT_TENANT,
            "inverter",
            limit=20,
            after=None,
            status=JobStatus.FAILED,
            show=lambda state: state.ref,
        )
    assert len(page.items) == 3
    return costs


def main() -> None:
    """Print the costs as one line of JSON."""
    options = _parse()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        stack.start_redis()
        url = SecretStr(stack.environment["HANDSOFF_REDIS_URL"])
        settings = Settings(redis_url=url, store_url="memory:///")
        line, sys.stdout = sys.stdout, sys.stderr  # the logs
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        machine = Machine.from_settings(settings, FAMILIES)
        machine = dataclasses.replace(machine, store=CountedStore.empty())
        results: dict[str, object] = {}
        for size in options.shards:
            results[f"{size} shards"] = cost_of_shards(machine, size)
        results["bytes in Redis"] = bytes_in_redis(machine, 100)
        results["round"] = cost_of_a_round(
            machine, ended=options.jobs, unfinished=1_000, large=options.large
        )
        services = Services.from_settings(settings, machine.store)
        results["list"] = cost_of_a_list(machine, services)
        print(json.dumps(results, default=float), file=line)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.growth", description=__doc__
    )
    parser.add_argument(
        "--shards",
        type=int,
        nargs="+",
        default=[64, 1_024, 4_096, 100_000],
        help="sizes of batches; 1000000 takes minutes and 3 GB",
    )
    parser.add_argument("--jobs", type=int, default=5_000, help="ended jobs, and deleted streams")
    parser.add_argument("--large", type=int, default=30, help="unfinished batches of 4,096 shards")
    return parser.parse_args()


if __name__ == "__main__":
    main()
