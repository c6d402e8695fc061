"""The load run counts what its clients see: nothing wrong on a healthy service, and each kind of trouble elsewhere."""

import asyncio
import json
from collections.abc import Callable

import httpx2
import pytest

from benchmarks.load.__main__ import Memory, main, result
from benchmarks.load.tally import Tally
from benchmarks.load.visitors import Scene, download, follow, list_jobs, poll, visit, wait_long

Answer = Callable[[httpx2.Request], httpx2.Response]
MEMORY = (Memory(1, 10), Memory(2, 20), Memory(3, 30))


def scene_of(answer: Answer) -> Scene:
    """Return a scene whose service is a function."""
    http = httpx2.AsyncClient(base_url="http://service", transport=httpx2.MockTransport(answer))
    return Scene(http, Tally(), "fit_1", "fit_2", newest="batch_2", finished="batch_1")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_healthy_service_has_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """All kinds of clients are answered, and the waiters too once their job is cancelled."""
    assert main(["--clients", "20", "--waiters", "30", "--minutes", "0.1"]) == 0
    printed = capsys.readouterr()
    line = json.loads(printed.out.splitlines()[-1])
    assert (line["clients"], line["waiters"], line["errors"], line["hung"]) == (20, 30, 0, 0)
    assert 0 < line["poll_p50_ms"] <= line["poll_p99_ms"]
    assert min(line["rss_before"], line["rss_after"]) > 20 * 1024 * 1024
    for kind in ("poll", "list", "download", "wait", "events", "long wait"):
        assert f"'{kind}': " in printed.err


def test_an_error_is_counted_by_kind_and_status() -> None:
    """Every request of every kind of client is checked."""

    async def ask() -> Tally:
        scene = scene_of(lambda _: httpx2.Response(503))
        for one in (poll, poll, list_jobs, download, follow):
            await one(scene)
        return scene.tally

    tally = asyncio.run(ask())
    errors = {"poll: 503": 2, "list: 503": 1, "download: 503": 1, "events: 503": 1}
    assert tally.errors == errors
    assert result(9, 0, tally, MEMORY, is_soak=False)["errors"] == 5


def test_a_request_without_an_answer_hangs() -> None:
    """It is no error of the service's, and counts apart. A broken connection is an error."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/v1/batches/"):
            raise httpx2.ReadTimeout("no answer", request=request)
        raise httpx2.ReadError("closed", request=request)

    async def ask() -> Tally:
        scene = scene_of(answer)
        await poll(scene)
        await wait_and_stop(scene)
        return scene.tally

    async def wait_and_stop(scene: Scene) -> None:
        scene.stopping.set()
        await wait_long(scene)

    tally = asyncio.run(ask())
    assert tally.hung == {"poll": 1}
    assert tally.errors == {"long wait: ReadError": 1}


def test_clients_stop_at_the_end_of_the_run() -> None:
    """Whatever a client does, it ends soon after the run."""

    async def ask() -> None:
        scene = scene_of(lambda _: httpx2.Response(200, json={"status": "running", "items": []}))
        clients = [asyncio.create_task(visit(scene, number)) for number in (0, 2, 3)]
        await asyncio.sleep(0)
        scene.stopping.set()
        await asyncio.wait_for(asyncio.gather(*clients), 10)

    asyncio.run(ask())


def test_the_last_line_has_the_percentiles_of_polls() -> None:
    """In milliseconds; None without polls."""
    tally = Tally(poll_seconds=[number / 1_000 for number in range(1, 1_001)])
    line = result(300, 600, tally, MEMORY, is_soak=False)
    assert line["poll_p50_ms"] == pytest.approx(500, abs=2)
    assert line["poll_p99_ms"] == pytest.approx(990, abs=2)
    assert (line["rss_before"], line["rss_after"]) == (1, 3)
    assert result(300, 600, Tally(), MEMORY, is_soak=False)["poll_p50_ms"] is None


def test_a_soak_reports_the_memory_three_times() -> None:
    """Of the app and of Redis: before the clients, in the middle and after them."""
    line = result(300, 600, Tally(), MEMORY, is_soak=True)
    assert [line[f"rss_{when}"] for when in ("before", "middle", "after")] == [1, 2, 3]
    assert [line[f"redis_{when}"] for when in ("before", "middle", "after")] == [10, 20, 30]
