"""The whole workflow over HTTP with real processes, on a folder and on an S3 server."""

import hashlib
import json
import os
import pickle
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from obstore import sign
from obstore.store import S3Store

from benchmarks.service.s3_server import BUCKET, S3Server
from examples.demo.pictures import read_shard
from examples.demo.plain_client import PlainClient
from examples.demo.stack import Stack, free_port
from tests.e2e.conftest import listening

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PNG = b"\x89PNG"
CHECKPOINT = Path(__file__).parents[1] / "fixtures" / "checkpoints" / "nvidia-ada-skip-32.pkl"


def test_the_service_is_ready(client: PlainClient) -> None:
    """Redis, the store and a worker for each queue are ready."""
    ready = client.read("/readyz")
    assert ready["status"] == "ready"
    assert ready["workers"] == {"cpu": 1, "fit": 1, "generate": 1}


def test_a_labelset_reports_its_pixels_by_class(client: PlainClient, labelset: str) -> None:
    """Four portraits contain every class, because the set is stratified."""
    shown = client.read(f"/v1/labelsets/{labelset}")
    assert shown["num_images"] == 4
    assert all(entry["num_pixels"] > 0 for entry in shown["classes"])


def test_a_fit_reports_its_quality(client: PlainClient, fit: str) -> None:
    """It has reconstruction and held-out metrics, an estimate, advice and a sheet."""
    shown = client.read(f"/v1/fits/{fit}")
    assert shown["metrics"]["reconstruction_psnr_db"] > 0
    assert 0 < shown["metrics"]["heldout"]["miou"] <= 1
    assert 0 <= shown["metrics"]["heldout"]["keypoints"]["pck"] <= 1
    assert shown["metrics"]["heldout"]["depth"]["rmse"] > 0
    assert shown["metrics"]["estimate"]["num_folds"] == 4
    assert "class hat has 2 images; add 6" in shown["metrics"]["advice"]
    assert len(shown["metrics"]["images"]) == 4
    assert client.fetch(shown["sheet"]["url"]).startswith(PNG)


def test_a_fit_has_events(client: PlainClient, fit: str) -> None:
    """Its events go from queued through progress to completed."""
    events = client.read(f"/v1/fits/{fit}/events?limit=1000")["items"]
    statuses = [event["data"]["status"] for event in events if event["type"] != "progress"]
    assert statuses == ["queued", "running", "succeeded"]
    assert any(event["type"] == "progress" for event in events)
    assert events[-1]["type"] == "completed"


def test_a_batch_is_downloaded_by_shard(client: PlainClient, fit: str) -> None:
    """Every index occurs once, samples have an image and all labels, and digests are correct."""
    batch_id = client.start_batch(fit=fit, n=10, seed=3, shard_size=4)
    batch = client.succeed(f"/v1/batches/{batch_id}")
    samples = [sample for shard in client.fetch_shards(batch_id) for sample in read_shard(shard)]
    assert batch["num_shards"] == 3
    assert [sample.metadata["index"] for sample in samples] == list(range(10))
    assert {sample.image.shape for sample in samples} == {(64, 64, 3)}
    assert {len(sample.points) for sample in samples} == {12}
    assert all(sample.label is not None and sample.depth is not None for sample in samples)


def test_the_same_request_gives_the_same_data(client: PlainClient, fit: str) -> None:
    """Seed and index determine a sample, so two batches with one seed have equal shards."""
    batch_ids = [client.start_batch(fit=fit, n=4, seed=9) for _ in range(2)]
    for batch_id in batch_ids:
        client.succeed(f"/v1/batches/{batch_id}")
    first, second = (client.fetch_shards(batch_id) for batch_id in batch_ids)
    assert [hashlib.sha256(shard).digest() for shard in first] == [
        hashlib.sha256(shard).digest() for shard in second
    ]


def test_shards_come_from_the_store_if_it_signs_links(
    client: PlainClient, stack: Stack, fit: str
) -> None:
    """Links point to an S3 server. For a folder they point to the app."""
    batch_id = client.start_batch(fit=fit, n=1)
    client.succeed(f"/v1/batches/{batch_id}")
    url = client.read(f"/v1/batches/{batch_id}/shards")["items"][0]["url"]
    source = stack.environment.get("HANDSOFF_STORE_ENDPOINT", stack.address)
    assert url.startswith(source)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Store]:
    """Return a customer's bucket on another S3 server."""
    folder: Path = tmp_path_factory.mktemp("customer")
    server = S3Server(folder, free_port())
    settings = server.settings()
    with listening(server.command(), server.port, folder / "rclone.log"):
        yield S3Store(
            BUCKET,
            endpoint=settings["HANDSOFF_STORE_ENDPOINT"],
            access_key_id=settings["HANDSOFF_STORE_ACCESS_KEY_ID"],
            secret_access_key=settings["HANDSOFF_STORE_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )


def link(bucket: S3Store, name: str) -> str:
    """Return a link to which a file may be written for ten minutes."""
    return sign(bucket, "PUT", f"run/{name}", timedelta(minutes=10))


def delivery_of(client: PlainClient, batch: str) -> dict[str, Any]:
    """Return the delivery of a batch when it has ended."""
    while (delivery := client.read(f"{batch}/delivery"))["status"] in {"waiting", "delivering"}:
        time.sleep(0.2)
    return delivery


def test_a_batch_arrives_in_a_bucket(client: PlainClient, fit: str, bucket: S3Store) -> None:
    """The manifest there has the digest of every file, and the shards have the bytes of the service."""
    destination = {
        "kind": "urls",
        "shards": [link(bucket, f"{index}.tar") for index in range(2)],
        "card": link(bucket, "README.md"),
        "manifest": link(bucket, "manifest.json"),
    }
    batch = client.start_batch(fit=fit, n=6, shard_size=3, deliver_to=destination)
    path = f"/v1/batches/{batch}"
    client.succeed(path)
    delivery = delivery_of(client, path)
    assert (delivery["status"], delivery["num_delivered"]) == ("delivered", 4)
    manifest = json.loads(bytes(bucket.get("run/manifest.json").bytes()))
    digests = {one["name"]: one["sha256"] for one in manifest["files"]}
    for index, shard in enumerate(client.fetch_shards(batch)):
        delivered = bytes(bucket.get(f"run/{index}.tar").bytes())
        assert delivered == shard
        assert digests[f"shard-{index:06d}.tar"] == hashlib.sha256(delivered).hexdigest()


def test_a_link_that_has_ended_is_refused(client: PlainClient, fit: str, bucket: S3Store) -> None:
    """The bucket answers 400 or 403, so nothing is tried again. The batch has succeeded all the same."""
    ended = sign(bucket, "PUT", "late/0.tar", timedelta(seconds=1))
    time.sleep(2.1)
    batch = client.start_batch(
        fit=fit, n=3, deliver_to={"kind": "urls", "shards": [ended], "manifest": ended}
    )
    path = f"/v1/batches/{batch}"
    client.succeed(path)
    delivery = delivery_of(client, path)
    assert delivery["status"] == "failed"
    assert "the address answered 40" in delivery["error"]


def test_a_stream_is_read_while_it_is_rendered(client: PlainClient, stack: Stack, fit: str) -> None:
    """A shard is read by its record or by its path, and a range of shards as one tar."""
    stream_id = client.start_stream(fit=fit, seed=3, shard_size=4)
    record = client.read(f"/v1/streams/{stream_id}/shards/1/record?wait=30")
    shard = client.fetch(record["url"])
    assert hashlib.sha256(shard).hexdigest() == record["sha256"]
    assert [sample.metadata["index"] for sample in read_shard(shard)] == [4, 5, 6, 7]
    assert client.fetch(f"{stack.address}/v1/streams/{stream_id}/shards/1") == shard
    tar = client.fetch(f"{stack.address}/v1/streams/{stream_id}/tar?start=1&shards=2")
    assert [sample.metadata["index"] for sample in read_shard(tar)] == list(range(4, 12))


def test_a_running_fit_is_cancelled(client: PlainClient, labelset: str) -> None:
    """A fit of minutes ends as cancelled, and a second cancellation changes nothing."""
    path = "/v1/fits/" + client.start_fit(
        generator="portraits-64", labelset=labelset, options={"inversion": {"steps": 5_000}}
    )
    client.cancel(path)
    assert client.wait(path)["status"] == "cancelled"
    assert client.cancel(path)["status"] == "cancelled"


@pytest.fixture(scope="module")
def uploaded_generator(client: PlainClient) -> str:
    """Upload and import a published checkpoint of 32 px. Returns the generator's id."""
    upload = client.send(CHECKPOINT.read_bytes())
    generator = client.start_import(name="ada", license="for tests", upload=upload)
    client.succeed(f"/v1/generators/{generator}")
    return generator


def test_an_uploaded_checkpoint_is_fitted(
    stack: Stack, client: PlainClient, uploaded_generator: str, labelset: str
) -> None:
    """With a trained inverter and a short fit, it renders samples of the generator's size."""
    stack.start_worker("train")
    trained = client.start_inverter(uploaded_generator, options={"num_images": 32})
    inverter = client.succeed(f"/v1/inverters/{trained}")
    options = {"inversion": {"steps": 5}, "ensemble": {"steps": 20}}
    fit_id = client.start_fit(generator=uploaded_generator, labelset=labelset, options=options)
    assert client.succeed(f"/v1/fits/{fit_id}")["inverter_digest"] == inverter["digest"]
    batch_id = client.start_batch(fit=fit_id, n=3)
    client.succeed(f"/v1/batches/{batch_id}")
    samples = [sample for shard in client.fetch_shards(batch_id) for sample in read_shard(shard)]
    assert {sample.image.shape for sample in samples} == {(32, 32, 3)}


def test_an_uploaded_generator_has_a_sheet(client: PlainClient, uploaded_generator: str) -> None:
    """Its sheet is a PNG, and its size and license are reported."""
    shown = client.read(f"/v1/generators/{uploaded_generator}")
    assert client.fetch(shown["sheet"]["url"]).startswith(PNG)
    assert (shown["height_px"], shown["license"]) == (32, "for tests")


def test_a_checkpoint_with_code_is_refused(client: PlainClient) -> None:
    """The import fails without retries, and the error names the function, which is not executed."""
    upload = client.send(pickle.dumps({"G_ema": os.system}))
    generator = client.wait("/v1/generators/" + client.start_import(name="evil", upload=upload))
    assert (generator["status"], generator["error"]["code"]) == ("failed", "invalid_checkpoint")
    assert "system" in generator["error"]["detail"]
