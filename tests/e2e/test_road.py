"""The whole road over real HTTP, through real processes, on a folder and on an S3 server alike."""

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from examples.demo.pictures import read_shard
from examples.demo.road import Road
from examples.demo.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PNG = b"\x89PNG"
CHECKPOINT = Path(__file__).parents[1] / "fixtures" / "checkpoints" / "nvidia-ada-skip-32.pkl"


def test_the_service_is_ready(road: Road) -> None:
    """Redis, the store and a worker for each queue answer."""
    ready = road.read("/readyz")
    assert ready["status"] == "ready"
    assert ready["workers"] == {"cpu": 1, "fit": 1, "generate": 1}


def test_an_upload_is_counted_by_class(road: Road, labelset: str) -> None:
    """Four portraits hold every class: the set is stratified."""
    shown = road.read(f"/v1/labelsets/{labelset}")
    assert shown["num_images"] == 4
    assert all(found["num_pixels"] > 0 for found in shown["classes"])


def test_a_fit_reports_what_it_is_worth(road: Road, fit: str) -> None:
    """Reconstruction and held-out score are there, with a sheet to look at."""
    shown = road.read(f"/v1/fits/{fit}")
    assert shown["metrics"]["reconstruction_psnr_db"] > 0
    assert 0 < shown["metrics"]["heldout"]["miou"] <= 1
    assert 0 <= shown["metrics"]["heldout"]["keypoints"]["pck"] <= 1
    assert shown["metrics"]["heldout"]["depth"]["rmse"] > 0
    assert shown["metrics"]["estimate"]["num_folds"] == 4
    assert "class hat has 2 images; add 6" in shown["metrics"]["advice"]
    assert len(shown["metrics"]["images"]) == 4
    assert road.fetch(shown["sheet"]["url"]).startswith(PNG)


def test_a_fit_tells_its_story(road: Road, fit: str) -> None:
    """The events lead from queued over progress to completed."""
    events = road.read(f"/v1/fits/{fit}/events?limit=1000")["items"]
    statuses = [event["data"]["status"] for event in events if event["type"] != "progress"]
    assert statuses == ["queued", "running", "succeeded"]
    assert any(event["type"] == "progress" for event in events)
    assert events[-1]["type"] == "completed"


def test_a_batch_is_fetched_shard_by_shard(road: Road, fit: str) -> None:
    """Every index once, every sample with image, all labels, uncertainty and facts, every digest right."""
    batch_id = road.start_batch(fit=fit, n=10, seed=3, shard_size=4)
    batch = road.succeed(f"/v1/batches/{batch_id}")
    samples = [sample for shard in road.fetch_shards(batch_id) for sample in read_shard(shard)]
    assert batch["num_shards"] == 3
    assert [sample.facts["index"] for sample in samples] == list(range(10))
    assert {sample.image.shape for sample in samples} == {(64, 64, 3)}
    assert {len(sample.points) for sample in samples} == {12}
    assert all(sample.label is not None and sample.depth is not None for sample in samples)


def test_the_same_request_is_the_same_data(road: Road, fit: str) -> None:
    """Seed and index decide a sample: two batches of one seed have equal shards."""
    batch_ids = [road.start_batch(fit=fit, n=4, seed=9) for _ in range(2)]
    for batch_id in batch_ids:
        road.succeed(f"/v1/batches/{batch_id}")
    first, second = (road.fetch_shards(batch_id) for batch_id in batch_ids)
    assert [hashlib.sha256(shard).digest() for shard in first] == [
        hashlib.sha256(shard).digest() for shard in second
    ]


def test_big_bytes_come_from_the_store_where_it_can_sign(
    road: Road, stack: Stack, fit: str
) -> None:
    """An S3 server hands the shard out itself; from a folder the app does, by a link of its own."""
    batch_id = road.start_batch(fit=fit, n=1)
    road.succeed(f"/v1/batches/{batch_id}")
    url = road.read(f"/v1/batches/{batch_id}/shards")["items"][0]["url"]
    source = stack.environment.get("HANDSOFF_STORE_ENDPOINT", stack.address)
    assert url.startswith(source)


def test_a_stream_is_read_as_it_is_rendered(road: Road, stack: Stack, fit: str) -> None:
    """Any shard by its digest from the store itself; and from there on, shard after shard as one tar."""
    stream_id = road.start_stream(fit=fit, seed=3, shard_size=4)
    record = road.read(f"/v1/streams/{stream_id}/shards/1/record?wait=30")
    shard = road.fetch(record["url"])
    assert hashlib.sha256(shard).hexdigest() == record["sha256"]
    assert [sample.facts["index"] for sample in read_shard(shard)] == [4, 5, 6, 7]
    assert road.fetch(f"{stack.address}/v1/streams/{stream_id}/shards/1") == shard
    tar = road.fetch(f"{stack.address}/v1/streams/{stream_id}/tar?start=1&shards=2")
    assert [sample.facts["index"] for sample in read_shard(tar)] == list(range(4, 12))


def test_a_running_fit_is_cancelled(road: Road, labelset: str) -> None:
    """It would have run for minutes; it ends as cancelled, and a second cancel changes nothing."""
    path = "/v1/fits/" + road.start_fit(
        generator="portraits-64", labelset=labelset, options={"inversion": {"steps": 5_000}}
    )
    road.cancel(path)
    assert road.wait(path)["status"] == "cancelled"
    assert road.cancel(path)["status"] == "cancelled"


@pytest.fixture(scope="module")
def own_generator(road: Road) -> str:
    """A published checkpoint of 32 px, sent to the store's own link where it can sign, and imported."""
    upload = road.send(CHECKPOINT.read_bytes())
    generator = road.start_import(name="ada", license="for tests", upload=upload)
    road.succeed(f"/v1/generators/{generator}")
    return generator


def test_an_own_checkpoint_is_fitted_like_the_built_in_one(
    road: Road, own_generator: str, labelset: str
) -> None:
    """With an inverter of its own, four images and few steps it leads to samples of its own size."""
    trained = road.start_inverter(own_generator, options={"num_images": 32})
    inverter = road.succeed(f"/v1/inverters/{trained}")
    options = {"inversion": {"steps": 5}, "ensemble": {"steps": 20}}
    fit_id = road.start_fit(generator=own_generator, labelset=labelset, options=options)
    assert road.succeed(f"/v1/fits/{fit_id}")["inverter_digest"] == inverter["digest"]
    batch_id = road.start_batch(fit=fit_id, n=3)
    road.succeed(f"/v1/batches/{batch_id}")
    samples = [sample for shard in road.fetch_shards(batch_id) for sample in read_shard(shard)]
    assert {sample.image.shape for sample in samples} == {(32, 32, 3)}


def test_an_own_generator_can_be_looked_at(road: Road, own_generator: str) -> None:
    """Its sheet is a picture; how it was made, and under which license, is told."""
    shown = road.read(f"/v1/generators/{own_generator}")
    assert road.fetch(shown["sheet"]["url"]).startswith(PNG)
    assert (shown["height_px"], shown["license"]) == (32, "for tests")


def test_a_checkpoint_that_would_run_code_is_refused(road: Road) -> None:
    """The import fails for good and says what it found; nobody has executed it."""
    upload = road.send(pickle.dumps({"G_ema": os.system}))
    generator = road.wait("/v1/generators/" + road.start_import(name="evil", upload=upload))
    assert (generator["status"], generator["error"]["code"]) == ("failed", "invalid_checkpoint")
    assert "system" in generator["error"]["detail"]
