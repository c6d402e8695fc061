"""The auditor of the chaos run finds every kind of broken promise in a damaged store, and nothing in an intact one."""

import io
import tarfile
from dataclasses import dataclass

import pytest

from benchmarks.chaos.auditor import Evidence, Report, audit
from benchmarks.chaos.promises import Diary, Recipe
from contracts.base import now
from contracts.batches import BatchRequest
from contracts.digests import sha256_of
from contracts.fits.fit import FitRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import Idempotency, ShardRef, Tombstone
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.workers.scene import Scene, open_machine
from workers.rendering import batches
from workers.runtime.jobs import cancelled


@dataclass(frozen=True)
class Intact:
    """The objects of a store in which every promise was kept: a fit, and two batches of one recipe."""

    objects: dict[str, bytes]
    fit: FitRequest
    batch: BatchRequest
    twin: BatchRequest


class Audited:
    """A copy of the intact store, and the evidence of a service that kept every promise."""

    def __init__(self, intact: Intact, scene: Scene) -> None:
        self.scene, self.store = scene, scene.machine.store
        for key, data in intact.objects.items():
            self.store.put(key, data)
        self.fit, self.batch = intact.fit, intact.batch
        recipe = Recipe(self.fit.id, n=8, seed=5, shard_size=4)
        self.diary = Diary(DEFAULT_TENANT)
        self.other = Diary("other")
        self.promise = self.diary.accept("batches", self.batch.id, recipe)
        self.diary.accept("fits", self.fit.id)
        twins = scene.batch_manifest(intact.twin.ref).shards
        self.calm = {recipe: tuple(shard.tar.sha256 for shard in twins)}
        self.listed = {"batches": {self.batch.id, intact.twin.id}, "fits": {self.fit.id}}
        self.unanswered: tuple[str, ...] = ()

    def audit(self) -> Report:
        """Audit the store as it is now."""
        objects = [info.key for info in self.store.list("")]
        tenants = [
            Evidence(self.diary, self.listed, self.calm, {}, self.unanswered),
            Evidence(self.other, {}, {}, {}),
        ]
        return audit(self.store, tenants, objects)

    def shard_key(self, index: int = 0) -> str:
        """Return the key of a shard of the batch."""
        return self.scene.batch_manifest(self.batch.ref).shards[index].tar.key

    def rewrite_shard(self, data: bytes) -> None:
        """Replace the first shard, and its digest in the manifest."""
        manifest = self.scene.batch_manifest(self.batch.ref)
        first, *others = manifest.shards
        tar = first.tar.model_copy(update={"sha256": sha256_of(data)})
        shards = (first.model_copy(update={"tar": tar}), *others)
        self.store.put(tar.key, data)
        records.write(
            self.store,
            keys.job_manifest(self.batch.ref),
            manifest.model_copy(update={"shards": shards}),
        )


@pytest.fixture(scope="module")
def intact(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Intact:
    """Run a fit and two equal batches, once for all tests."""
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
    store, ledger = Store.in_memory(), Ledger.connect(redis_url)
    scene = Scene(open_machine(settings, store, ledger))
    scene.publish_generator(tmp_path_factory.mktemp("generator"))
    fit = scene.fit()
    rendered = [scene.request_batch(fit) for _ in range(2)]
    for batch in rendered:
        for index in range(batch.num_shards):
            batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=index)), 1)
    ledger.redis.close()
    return Intact({info.key: store.get(info.key) for info in store.list("")}, fit, *rendered)


@pytest.fixture
def audited(intact: Intact, settings: Settings, store: Store, ledger: Ledger) -> Audited:
    """Return a store in which every promise was kept."""
    return Audited(intact, Scene(open_machine(settings, store, ledger)))


def only(report: Report, kind: str) -> list[str]:
    """Return the findings of a kind. Asserts that there are some, and none of another kind."""
    found = {name: findings for name, findings in report.findings.items() if findings}
    assert set(found) == {kind}
    return found[kind]


def test_kept_promises_give_no_finding(audited: Audited) -> None:
    """All counts are 0, and every pair of the promised batches was checked."""
    report = audited.audit()
    assert report.counts.pop("pairs") == 8
    assert not any(report.findings.values())


def test_a_removed_shard_is_lost(audited: Audited) -> None:
    """Each of its samples is counted."""
    audited.store.delete(audited.shard_key())
    assert len(only(audited.audit(), "lost")) == 4


def test_a_job_without_an_end_is_lost(audited: Audited) -> None:
    """The fit has a request and no manifest."""
    fit = audited.scene.request_fit()
    audited.diary.accept("fits", fit.id)
    audited.listed["fits"].add(fit.id)
    assert "has not ended" in only(audited.audit(), "lost")[0]


def test_an_accepted_job_that_was_never_stored_is_lost(audited: Audited) -> None:
    """The service answered 202, and then forgot it."""
    fit = audited.scene.request_fit()
    audited.diary.accept("fits", fit.id)
    audited.listed["fits"].add(fit.id)
    audited.store.delete(keys.job_request(fit.ref))
    assert "has no request" in only(audited.audit(), "lost")[0]


def test_a_cancelled_job_is_lost_unless_its_caller_cancelled_it(audited: Audited) -> None:
    """The same manifest is right for one caller and wrong for another."""
    fit = audited.scene.request_fit()
    promise = audited.diary.accept("fits", fit.id)
    audited.listed["fits"].add(fit.id)
    manifest = cancelled(audited.scene.machine, fit.ref, None)
    records.write(audited.store, keys.job_manifest(fit.ref), manifest)
    assert "cancelled" in only(audited.audit(), "lost")[0]
    promise.may_be_cancelled = True
    assert not any(audited.audit().findings.values())


def test_a_sample_that_exists_twice_is_found(audited: Audited) -> None:
    """The digest of the shard is right: only the content is wrong. It also differs from the calm run."""
    data = audited.store.get(audited.shard_key())
    audited.rewrite_shard(repeated(data))
    report = audited.audit()
    assert report.duplicated == [f"sample 0 of {audited.batch.id} exists 2 times"]
    assert len(report.different) == 1


def test_a_changed_byte_is_found(audited: Audited) -> None:
    """The object has another digest than its record. Its samples do not count as found."""
    key = audited.shard_key()
    data = bytearray(audited.store.get(key))
    data[700] ^= 1
    audited.store.put(key, bytes(data))
    report = audited.audit()
    assert report.different == [f"shard 0 of {audited.batch.id} is not what its record says"]
    assert len(report.lost) == 4


def test_bytes_that_differ_from_a_calm_run_are_found(audited: Audited) -> None:
    """Record and object agree: only the same request without faults shows the difference."""
    [(recipe, digests)] = audited.calm.items()
    audited.calm = {recipe: (digests[0], "0" * 64)}
    assert "differs from a calm run" in only(audited.audit(), "different")[0]


def test_a_stream_shard_that_changes_is_found(audited: Audited) -> None:
    """A shard that was rendered twice must have the same bytes."""
    audited.diary.read_shard("stream_1", 3, "0" * 64, 16)
    assert not any(audited.audit().findings.values())
    audited.diary.read_shard("stream_1", 3, "1" * 64, 16)
    assert only(audited.audit(), "different") == ["shard 3 of stream_1 had several digests"]


def test_a_job_in_no_list_is_found(audited: Audited) -> None:
    """The store has it, but the API does not list it."""
    audited.listed["fits"].clear()
    assert only(audited.audit(), "unlisted") == [f"{audited.fit.id} is in no list"]


@pytest.mark.parametrize(
    "name",
    [
        "batches/{batch}/shards/000000/{uuid}.tar",
        "batches/{batch}/shards/000000/{uuid}.tar#1",
        "batches/{batch}/scratch/state",
        "fits/{fit}/attempts/{uuid}/latents.safetensors",
        "fits/fit_0192/attempts/{uuid}/latents.safetensors",
        "labelsets/labelset_0192/files/{uuid}.png",
    ],
)
def test_an_object_that_no_record_names_is_found(audited: Audited, name: str) -> None:
    """A second rendering, a part of an object, scratch of an ended job, files of resources that do not exist."""
    uuid = "0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"
    name = name.format(batch=audited.batch.id, fit=audited.fit.id, uuid=uuid)
    key = f"tenants/{DEFAULT_TENANT}/{name}"
    audited.store.put(key, b"forgotten")
    assert only(audited.audit(), "left_over") == [key]


def test_the_state_of_a_pilot_is_left_over_once_the_pilot_exists(audited: Audited) -> None:
    """Before, the next batch continues from it."""
    pilot = keys.pilot(DEFAULT_TENANT, audited.fit.id, 0.7)
    state = pilot.removesuffix(".json") + ".state"
    audited.store.put(state, b"half")
    assert not any(audited.audit().findings.values())
    audited.store.put(pilot, b"{}")
    assert only(audited.audit(), "left_over") == [state]


def test_objects_of_a_deleted_job_are_found(audited: Audited) -> None:
    """A tombstone may be all that remains."""
    audited.promise.may_be_deleted = True
    records.write(audited.store, keys.job_tombstone(audited.batch.ref), Tombstone(deleted_at=now()))
    left_over = only(audited.audit(), "left_over")
    assert keys.job_request(audited.batch.ref) in left_over
    assert audited.shard_key(1) in left_over


def test_a_job_that_returns_after_its_deletion_is_found(audited: Audited) -> None:
    """The service answered that it is deleted."""
    audited.promise.may_be_deleted = audited.promise.is_deleted = True
    assert only(audited.audit(), "left_over") == [f"{audited.batch.id} exists after its deletion"]


def test_calls_without_an_answer_and_server_errors_are_counted(audited: Audited) -> None:
    """A hung call, a job that did not end in time, an answer with 500, a download with a wrong digest."""
    audited.diary.hung.append("GET /v1/fits")
    audited.unanswered = ("fit_1 is still running",)
    audited.diary.server_errors.append("POST /v1/fits: internal")
    audited.diary.damaged.append("batch: another digest")
    counts = audited.audit().counts
    assert (counts["hung"], counts["http_500"], counts["different"]) == (2, 1, 1)


def test_an_id_in_an_answer_to_another_tenant_is_foreign(audited: Audited) -> None:
    """In a list, in events, or in a link. Its owner's answers may have it, and the refusal to one who asked for it."""
    answer = f'{{"items": [{{"id": "{audited.batch.id}"}}]}}'
    audited.diary.see(answer)
    audited.other.see(answer, asked=f"GET /v1/batches/{audited.batch.id}")
    assert not any(audited.audit().findings.values())
    audited.other.see(answer)
    assert only(audited.audit(), "foreign") == [
        f"{audited.batch.id} of {DEFAULT_TENANT} was in an answer to other"
    ]


def test_an_answer_about_a_resource_of_another_tenant_is_foreign(audited: Audited) -> None:
    """The service must not even say that it exists."""
    audited.other.trespasses.append("get of batch_1 was answered")
    assert only(audited.audit(), "foreign") == ["get of batch_1 was answered"]


def test_two_jobs_of_one_idempotency_key_are_found(audited: Audited) -> None:
    """A retried POST must not create a second job."""
    fits = [audited.scene.request_fit() for _ in range(2)]
    for fit in fits:
        idempotency = Idempotency(key="a key", fingerprint="0" * 64)
        same = fit.model_copy(update={"idempotency": idempotency})
        records.write(audited.store, keys.job_request(fit.ref), same)
        audited.listed["fits"].add(fit.id)
    assert len(only(audited.audit(), "duplicated")) == 1


def repeated(tar: bytes) -> bytes:
    """Return a shard with its first record twice."""
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(tar)) as source,
        tarfile.open(fileobj=buffer, mode="w") as target,
    ):
        members = source.getmembers()
        first = next(member for member in members if member.name.partition(".")[2] == "json")
        for member in (*members, first):
            target.addfile(member, source.extractfile(member))
    return buffer.getvalue()
