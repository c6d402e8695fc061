"""The sources of a dataset's shards."""

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from rq import Queue
from rq.serializers import JSONSerializer

from app.main import create_app
from app.serving import server_of
from handsoff_client import Gone, HandsOff, NotSteered, ShardCache, StreamSource
from state.settings import Settings
from state.store import Store
from tests.app.conftest import SECRET
from tests.app.streams.conftest import Render


@contextmanager
def restarted(settings: Settings, store: Store, port: int) -> Iterator[None]:
    """Serve an app on a port, and stop it as SIGTERM does."""
    own = settings.model_copy(update={"link_secret": SecretStr(SECRET.decode())})
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = server_of(create_app(own, store), own)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield
        server.should_exit = True
        thread.join()


def wait_until_queued(settings: Settings, stream_id: str) -> None:
    """Return when a shard of the stream is queued."""
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as connection:
        queue = Queue("generate", connection=connection, serializer=JSONSerializer)
        deadline = time.monotonic() + 60
        while not any(rq_id.startswith(stream_id) for rq_id in queue.job_ids):
            assert time.monotonic() < deadline


def test_a_cached_shard_needs_no_service(
    handsoff: HandsOff,
    finished_fit_id: str,
    render: Render,
    tmp_path: Path,
) -> None:
    """A shard that was read once can be read without the service, also after its stream was deleted."""
    stream = handsoff.streams.create(fit=finished_fit_id, shard_size=2)
    render(stream.id, 0)
    source = StreamSource(handsoff.url, stream.id, cache=ShardCache(tmp_path))
    first = source.path(0)
    handsoff.streams.delete(stream.id)
    assert source.path(0) == first
    first.unlink()
    with pytest.raises(Gone):
        source.path(0)


@pytest.mark.usefixtures("conditional")
def test_a_stream_of_another_condition_has_other_samples(
    handsoff: HandsOff, finished_fit_id: str, tmp_path: Path
) -> None:
    """So neither its cached shards nor its states are shared; equal conditions in another form share both."""
    choices: tuple[int | list[int] | dict[int, float] | None, ...] = (None, 0, [0, 1], {0: 2, 1: 2})
    sources = [
        StreamSource(
            handsoff.url,
            handsoff.streams.create(fit=finished_fit_id, shard_size=2, condition=choice).id,
            cache=ShardCache(tmp_path),
        )
        for choice in choices
    ]
    first, second, third, fourth = (source.identity for source in sources)
    assert len({first, second, third}) == 3
    assert third == fourth


def test_a_stream_with_options_of_masks_has_other_samples(
    handsoff: HandsOff, finished_fit_id: str, tmp_path: Path
) -> None:
    """Each option changes the identity, a limit of 0 too; equal options in another stream do not."""
    options: tuple[dict[str, Any], ...] = (
        {},
        {"soft_labels": 1},
        {"soft_labels": 2},
        {"ignore_above": 0.0},
        {"ignore_above": 0.5},
        {"soft_labels": 2, "ignore_above": 0.5},
    )
    identities = [
        StreamSource(
            handsoff.url,
            handsoff.streams.create(fit=finished_fit_id, shard_size=2, **each).id,
            cache=ShardCache(tmp_path),
        ).identity
        for each in (*options, *options)
    ]
    assert len(set(identities)) == len(options)
    assert identities[: len(options)] == identities[len(options) :]


def test_targets_change_the_samples_of_a_stream(
    handsoff: HandsOff, finished_fit_id: str, tmp_path: Path
) -> None:
    """Without targets the identity is that of earlier versions, so their states and caches stay valid."""
    hair = {"kind": "presence", "class_name": "hair", "images": 0.4, "min_pixels": 0.1}
    streams = [
        handsoff.streams.create(fit=finished_fit_id, shard_size=2, targets=targets)
        for targets in ([], [hair], [hair | {"images": 0.5}])
    ]
    identities = [
        StreamSource(handsoff.url, stream.id, cache=ShardCache(tmp_path)).identity
        for stream in streams
    ]
    assert len(set(identities)) == 3
    names = ["fit", "seed", "truncation", "filter", "image_format", "shard_size", "render_version"]
    earlier = json.dumps({name: streams[0].json[name] for name in names}, sort_keys=True)
    assert identities[0] == hashlib.sha256(earlier.encode()).hexdigest()


def test_a_source_reports_losses(handsoff: HandsOff, finished_fit_id: str, tmp_path: Path) -> None:
    """To a stream that answers, whose samples are its own; another stream refuses them. No losses are no report."""
    options: tuple[dict[str, Any], ...] = ({}, {"steering": {}}, {"steering": {}})
    streams = [handsoff.streams.create(fit=finished_fit_id, **each) for each in options]
    plain, source, other = (
        StreamSource(handsoff.url, stream.id, cache=ShardCache(tmp_path)) for stream in streams
    )
    assert len({plain.identity, source.identity, other.identity}) == 3
    source.report({"skin": 0.1, "hair": 0.9})
    source.report({})
    state = handsoff.streams.steering(streams[1].id)
    assert (state.version, state.weights) == (1, {"hair": 1.0})
    assert handsoff.streams.distribution(streams[1].id)["num_shards"] == 0
    with pytest.raises(NotSteered):
        plain.report({"hair": 0.9})


def test_a_training_loop_survives_a_restart_of_everything(
    handsoff: HandsOff,
    finished_fit_id: str,
    *,
    settings: Settings,
    store: Store,
    render: Render,
    tmp_path: Path,
) -> None:
    """The app stops while a shard is waited for, and Redis loses its data. The next shard arrives after the restart."""
    stream = handsoff.streams.create(fit=finished_fit_id, shard_size=2)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with restarted(settings, store, port):
        source = StreamSource(f"http://127.0.0.1:{port}", stream.id, cache=ShardCache(tmp_path))
        reading = Thread(target=source.path, args=(0,))
        reading.start()
        wait_until_queued(settings, stream.id)
    assert reading.is_alive()  # the answer of the stopping app did not end it
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as connection:
        connection.flushall()
    with restarted(settings, store, port):
        wait_until_queued(settings, stream.id)  # asked for again
        render(stream.id, 0)
        reading.join(60)
    assert source.path(0).exists()


def test_a_name_survives_the_eviction_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process deletes names of deleted shards at the moment in which this one writes a name."""
    cache = ShardCache(tmp_path, max_bytes=1)
    replace = Path.replace

    def evict_first(draft: Path, target: Path) -> Path:
        ShardCache(tmp_path, max_bytes=1).path("new", lambda path: _write(path, b"two"))
        return replace(draft, target)

    cache.path("old", lambda path: _write(path, b"one"))
    monkeypatch.setattr(Path, "replace", evict_first)
    cache.assign("stream-2", "old")
    assert (tmp_path / "names" / "stream-2").read_text() == "old"


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
