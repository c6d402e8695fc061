"""The auditor: compares every promise with the store after all faults, and counts each that is broken.

It reads the store itself, not the service. A finding is a sentence; the report counts them.
"""

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.named_objects import left_over
from benchmarks.chaos.promises import JOBS, Diary, Promise, Recipe
from contracts.batches import BatchManifest
from contracts.errors.tree import RecordDamaged
from contracts.jobs import JobRef, JobStatus
from contracts.kinds import Kinds
from state import keys, records
from state.store import Store


@dataclass(frozen=True)
class Evidence:
    """What the audit of one tenant compares with the store.

    Args:
        diary: the promises, and the calls that went wrong.
        listed: the ids in the lists of the API, by noun.
        calm: the digests of the shards of each recipe, from batches made without faults.
        calm_streams: the digest of each shard of a stream, read again without faults.
        unanswered: calls and jobs that got no answer or no end in time.
    """

    diary: Diary
    listed: Mapping[str, Collection[str]]
    calm: Mapping[Recipe, tuple[str, ...]]
    calm_streams: Mapping[tuple[str, int], str]
    unanswered: tuple[str, ...] = ()


@dataclass
class Report:
    """The findings, each as a sentence, and the number of pairs that were checked."""

    pairs: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    http_500: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def findings(self) -> dict[str, list[str]]:
        """All findings by their kind."""
        return {name: value for name, value in vars(self).items() if isinstance(value, list)}

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of the last line."""
        return {"pairs": self.pairs, **{name: len(found) for name, found in self.findings.items()}}


def audit(store: Store, tenants: Sequence[Evidence], objects: Collection[str]) -> Report:
    """Compare all promises to all tenants with the store. `objects` are its keys, also of parts of objects."""
    report = Report(left_over=left_over(store, objects))
    for evidence in tenants:
        _audit_tenant(store, evidence, report)
        others = [one.diary for one in tenants if one is not evidence]
        report.foreign += _seen_of_others(evidence.diary, others)
    return report


def _audit_tenant(store: Store, evidence: Evidence, report: Report) -> None:
    diary = evidence.diary
    report.pairs += diary.stream_samples
    report.different += diary.damaged
    report.hung += [*diary.hung, *evidence.unanswered]
    report.http_500 += diary.server_errors
    for promise in diary.promises:
        _audit_promise(store, promise, evidence, report)
    for shard, digests in diary.stream_shards.items():
        calm = evidence.calm_streams.get(shard)
        if len(digests | ({calm} if calm else set())) > 1:
            report.different.append(f"shard {shard[1]} of {shard[0]} had several digests")
    report.duplicated += _created_twice(store, diary.tenant, evidence.listed)


def _audit_promise(store: Store, promise: Promise, evidence: Evidence, report: Report) -> None:
    tombstone = keys.tombstone(evidence.diary.tenant, promise.noun, promise.id)
    if store.head(tombstone) is not None and promise.may_be_deleted:
        return
    if promise.is_deleted:
        report.left_over.append(f"{promise.id} exists after its deletion")
    elif promise.id not in evidence.listed.get(promise.noun, ()):
        report.unlisted.append(f"{promise.id} is in no list")
    if promise.noun in JOBS:
        _audit_job(store, promise, evidence, report)


def _audit_job(store: Store, promise: Promise, evidence: Evidence, report: Report) -> None:
    """Check the end of a job. A failure is a loss: no job of the customers is to blame."""
    ref = JobRef(tenant=evidence.diary.tenant, id=promise.id)
    try:
        record = records.read_job(store, Kinds(), ref)
    except RecordDamaged as damage:
        report.lost.append(f"{promise.id}: {damage}")
        return
    if record is None or record.manifest is None:
        reason = "has no request" if record is None else "has not ended"
        report.lost.append(f"{promise.id} {reason}")
        return
    status, error = record.manifest.status, record.manifest.error
    if status == JobStatus.SUCCEEDED:
        if isinstance(record.manifest, BatchManifest) and promise.recipe:
            _audit_batch(store, promise, record.manifest, evidence, report)
    elif not (status == JobStatus.CANCELLED and promise.may_be_cancelled):
        reason = f" ({error.code}: {error.detail})" if error else ""
        report.lost.append(f"{promise.id} is {status.value}{reason}")


def _audit_batch(
    store: Store, promise: Promise, manifest: BatchManifest, evidence: Evidence, report: Report
) -> None:
    """Check that each sample exists once, and that the bytes are those of the records and of a calm run."""
    recipe = promise.recipe
    assert recipe is not None
    indices: Counter[int] = Counter()
    for shard in manifest.shards:
        try:
            data = store.get(shard.tar.key)
        except FileNotFoundError:
            continue  # its samples are missing below
        if hashlib.sha256(data).hexdigest() != shard.tar.sha256:
            report.different.append(
                f"shard {shard.index} of {promise.id} is not what its record says"
            )
        else:
            indices.update(sample_indices(data))
    calm = evidence.calm.get(recipe)
    if calm is not None and calm != tuple(shard.tar.sha256 for shard in manifest.shards):
        report.different.append(f"{promise.id} differs from a calm run of {recipe}")
    report.pairs += len(indices)
    report.lost += [
        f"sample {index} of {promise.id} is missing"
        for index in range(recipe.n)
        if index not in indices
    ]
    report.duplicated += [
        f"sample {index} of {promise.id} exists {count} times"
        for index, count in indices.items()
        if count > 1
    ]


def sample_indices(tar: bytes) -> Iterator[int]:
    """Yield the index of each sample in a shard."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as shard:
        for name in shard.getnames():
            index, _, suffix = name.partition(".")
            if suffix == "json":
                yield int(index)


def _seen_of_others(diary: Diary, others: Iterable[Diary]) -> Iterator[str]:
    """Yield what a tenant got of another one: an answer about its resource, or an id in any answer."""
    yield from diary.trespasses
    for other in others:
        for promise in other.promises:
            if promise.id in diary.seen:
                yield f"{promise.id} of {other.tenant} was in an answer to {diary.tenant}"


def _created_twice(store: Store, tenant: str, listed: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield the jobs that one Idempotency-Key has created beside the first."""
    first: dict[str, str] = {}
    for noun in JOBS:
        for job_id in listed.get(noun, ()):
            ref = JobRef(tenant=tenant, id=job_id)
            request = records.read_request(store, ref, Kinds().of(ref).request)
            key = request.idempotency.key if request and request.idempotency else None
            if key is not None and first.setdefault(key, job_id) != job_id:
                yield f"{job_id} has the Idempotency-Key of {first[key]}"
