"""Deliveries: every file with its stored bytes, the manifest last, and a failure that loses nothing."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.accounts.delivery import DeliveryProgress, TemplateDestination, UrlDestination
from contracts.base import now
from contracts.batches import BatchRequest
from contracts.jobs import JobStatus
from state import keys, records, redis_keys
from state.delivering import orders, paths
from state.leftovers.deleting import delete_job
from state.waiting.attention import Attention
from tests.workers.delivering.conftest import Bucket
from tests.workers.scene import Scene
from workers.delivering.sender import DeliverySender
from workers.rendering import batches
from workers.runtime.jobs import cancelled
from workers.upkeep.reconcile import Reconciler


@pytest.fixture
def batch(scene: Scene) -> BatchRequest:
    """Return a batch of two shards that has succeeded."""
    request = scene.request_batch(scene.fit(), n=8, shard_size=4)
    for index in range(2):
        batches.run_shard(scene.machine, f"{request.ref}/{index}", 1)
    assert scene.batch_manifest(request.ref).status is JobStatus.SUCCEEDED
    return request


def sender(scene: Scene, **more: object) -> DeliverySender:
    """Return a sender."""
    return DeliverySender(scene.machine, "a test", **more)  # type: ignore[arg-type]


def progress_of(scene: Scene, batch: BatchRequest) -> DeliveryProgress:
    """Return the progress of the newest delivery."""
    found = orders.newest(scene.machine.store, batch.ref)
    assert found is not None
    return found.progress


def marks(scene: Scene) -> int:
    """Return the number of batches that wait for their delivery."""
    return len(list(scene.machine.store.list(paths.marks("default"))))


def test_every_file_arrives(scene: Scene, batch: BatchRequest, bucket: Bucket) -> None:
    """With the bytes of the store; the manifest is last and has every digest. The addresses are forgotten."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    sender(scene).scan()
    names = [path.removeprefix("/run/").removesuffix("?token=secret") for path in bucket.files]
    documents = ["README.md", "croissant.json"]
    assert sorted(names[:4]) == [*documents, "shard-000000.tar", "shard-000001.tar"]
    assert names[4:] == ["manifest.json"]
    manifest = scene.batch_manifest(batch.ref)
    for shard in manifest.shards:
        sent = bucket.files[f"/run/shard-{shard.index:06d}.tar?token=secret"]
        assert sent == scene.machine.store.get(shard.tar.key)
    listed = json.loads(bucket.files["/run/manifest.json?token=secret"])
    assert (listed["batch"], listed["num_samples"]) == (batch.id, 8)
    digests = {
        name: hashlib.sha256(data).hexdigest()
        for name, data in zip(names, bucket.files.values(), strict=True)
    }
    assert {one["name"]: one["sha256"] for one in listed["files"]} == {
        name: digest for name, digest in digests.items() if name != "manifest.json"
    }
    found = progress_of(scene, batch)
    assert (found.status, found.num_delivered, found.num_files) == ("delivered", 5, 5)
    assert found.finished_at is not None
    assert marks(scene) == 0
    stored = b"".join(
        scene.machine.store.get(info.key) for info in scene.machine.store.list("tenants")
    )
    assert b"token=secret" not in stored


def test_headers_let_a_bucket_check_the_bytes(
    scene: Scene, batch: BatchRequest, bucket: Bucket
) -> None:
    """`Content-MD5`, the length, and those of the caller."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    sender(scene).scan()
    sent = {headers["Content-MD5"] for headers in bucket.headers}
    for data in bucket.files.values():
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        assert base64.b64encode(digest).decode() in sent
    assert {headers["x-ms-blob-type"] for headers in bucket.headers} == {"BlockBlob"}


def test_one_address_for_each_file(scene: Scene, batch: BatchRequest, bucket: Bucket) -> None:
    """A document without an address is left out."""
    at = f"http://127.0.0.1:{bucket.port}"
    destination = UrlDestination(shards=(f"{at}/a?x=1", f"{at}/b?x=2"), manifest=f"{at}/m?x=3")
    orders.order(scene.machine.store, batch.ref, destination)
    sender(scene).scan()
    first = scene.batch_manifest(batch.ref).shards[0]
    assert sorted(bucket.files) == ["/a?x=1", "/b?x=2", "/m?x=3"]
    assert bucket.files["/a?x=1"] == scene.machine.store.get(first.tar.key)


def test_a_passing_failure_is_tried_again(
    scene: Scene, batch: BatchRequest, bucket: Bucket
) -> None:
    """The cause is shown meanwhile. Files that arrived before it are not sent again."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    bucket.statuses = [200, 200, 200, 200, 503]  # the manifest
    sending = sender(scene, waits=(timedelta(0),))
    sending.scan()
    found = progress_of(scene, batch)
    assert (found.status, found.attempts, found.num_delivered) == ("delivering", 1, 4)
    assert found.error == "the address answered 503"
    bucket.files.clear()
    sending.scan()
    assert list(bucket.files) == ["/run/manifest.json?token=secret"]
    assert progress_of(scene, batch).status == "delivered"


def test_a_failure_is_not_tried_before_its_time(
    scene: Scene, batch: BatchRequest, bucket: Bucket
) -> None:
    """It waits a while, longer each time."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    bucket.statuses = [503, 503]
    for _ in range(2):
        sender(scene).scan()
    found = progress_of(scene, batch)
    assert found.attempts == 1
    assert found.due_at is not None
    assert found.due_at > now()


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "expired; send new ones"), (302, "redirects (302)"), (400, "answered 400")],
    ids=["forbidden", "redirect", "bad request"],
)
def test_a_final_failure_ends_the_delivery(
    scene: Scene, batch: BatchRequest, bucket: Bucket, status: int, words: str
) -> None:
    """At once, with the cause. The batch stays, and another order delivers it."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    bucket.statuses = [status] * 4
    sender(scene).scan()
    found = progress_of(scene, batch)
    assert (found.status, marks(scene)) == ("failed", 0)
    assert words in str(found.error)
    assert scene.batch_manifest(batch.ref).status is JobStatus.SUCCEEDED
    bucket.statuses.clear()  # files that were not sent any more
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    sender(scene).scan()
    assert progress_of(scene, batch).status == "delivered"


def test_attempts_end(scene: Scene, batch: BatchRequest, bucket: Bucket) -> None:
    """After the last wait the delivery has failed."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    bucket.statuses = [500] * 20
    sending = sender(scene, waits=(timedelta(0), timedelta(0)))
    for _ in range(4):
        sending.scan()
    found = progress_of(scene, batch)
    assert (found.status, found.attempts) == ("failed", 3)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/{name}", "https://169.254.169.254/{name}", "https://10.0.0.1/{name}"],
    ids=["loopback", "metadata", "private"],
)
def test_a_private_address_is_refused(scene: Scene, batch: BatchRequest, url: str) -> None:
    """Without the setting, nothing inside the operator's network is reached."""
    settings = scene.machine.settings.model_copy(update={"delivery_networks": None})
    orders.order(scene.machine.store, batch.ref, TemplateDestination(url=url))
    DeliverySender(replace(scene.machine, settings=settings), "a test").scan()
    found = progress_of(scene, batch)
    assert found.status == "failed"
    assert str(found.error).startswith("refused: the address of")


def test_a_name_is_resolved_once(scene: Scene, batch: BatchRequest, bucket: Bucket) -> None:
    """The connection goes to the checked address, so DNS rebinding changes nothing."""
    answers = iter(["127.0.0.1"] * 5)
    url = f"http://rebinding.example:{bucket.port}/run/{{name}}"
    orders.order(scene.machine.store, batch.ref, TemplateDestination(url=url))
    sender(scene, resolve=lambda *_: [next(answers)]).scan()
    assert len(bucket.files) == 5
    assert next(answers, None) is None
    assert progress_of(scene, batch).status == "delivered"


def test_a_damaged_shard_is_not_delivered(
    scene: Scene, batch: BatchRequest, bucket: Bucket
) -> None:
    """Its digest is checked before a byte leaves."""
    tar = scene.batch_manifest(batch.ref).shards[0].tar
    scene.machine.store.put(tar.key, b"x" * tar.num_bytes)
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    sender(scene).scan()
    assert "/run/shard-000000.tar?token=secret" not in bucket.files
    assert "/run/manifest.json?token=secret" not in bucket.files
    assert progress_of(scene, batch).status == "failed"


def test_a_killed_process_loses_nothing(scene: Scene, batch: BatchRequest, bucket: Bucket) -> None:
    """A turn that ends early is continued, by the store alone: Redis may be flushed."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    sender(scene, turn_seconds=-1).scan()
    assert progress_of(scene, batch).num_delivered == 4
    scene.machine.redis.flushall()
    sender(scene).scan()
    assert progress_of(scene, batch).status == "delivered"


def test_the_end_of_the_batch_starts_the_delivery(scene: Scene, bucket: Bucket) -> None:
    """It wakes the reconciler, which wakes the sender; before it nothing is sent."""
    request = scene.request_batch(scene.fit(), n=4, shard_size=4)
    orders.order(scene.machine.store, request.ref, bucket.destination)
    Attention(scene.machine.ledger).follow(request.ref, request.ref)
    sender(scene).scan()
    assert bucket.files == {}
    batches.run_shard(scene.machine, f"{request.ref}/0", 1)
    Reconciler(scene.machine).attend(1)
    assert scene.machine.redis.llen(redis_keys.DELIVERIES) == 1
    sender(scene).attend(1)
    assert progress_of(scene, request).status == "delivered"


def test_a_cancelled_batch_is_not_delivered(scene: Scene, bucket: Bucket) -> None:
    """The delivery says why."""
    request = scene.request_batch(scene.fit(), n=4, shard_size=4)
    orders.order(scene.machine.store, request.ref, bucket.destination)
    machine = scene.machine
    records.finish(
        machine.store, machine.ledger, request.ref, cancelled(machine, request.ref, None)
    )
    sender(scene).scan()
    found = progress_of(scene, request)
    assert (found.status, found.error) == (
        "failed",
        "the batch was cancelled, so nothing was delivered",
    )
    assert bucket.files == {}


def test_a_deleted_batch_leaves_nothing(scene: Scene, batch: BatchRequest, bucket: Bucket) -> None:
    """Its addresses are deleted with it, and nothing is sent."""
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    delete_job(scene.machine.store, scene.machine.ledger, batch.ref)
    sender(scene).scan()
    left = [info.key for info in scene.machine.store.list(keys.job_prefix(batch.ref))]
    assert left == [keys.job_tombstone(batch.ref)]
    assert bucket.files == {}


def test_a_strange_mark_stops_no_other(scene: Scene, batch: BatchRequest, bucket: Bucket) -> None:
    """It is skipped."""
    scene.machine.store.put(f"{paths.marks('default')}/aaa", b"")
    orders.order(scene.machine.store, batch.ref, bucket.destination)
    sender(scene).scan()
    assert progress_of(scene, batch).status == "delivered"
