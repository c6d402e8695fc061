"""Tests of the memory of the app and its decoding children under concurrent uploads."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from examples.demo.stack import free_port
from tests.app.decoding.archives.tarring import header_bomb
from tests.app.uploading import pairs

MiB = 1024 * 1024
NUM_CONNECTIONS = 8
NUM_PARTS = 60


@pytest.fixture
def app(redis_url: str, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A real app process with default limits: its process id and URL."""
    port = free_port()
    (tmp_path / "spool").mkdir()
    environment = os.environ | {
        "HANDSOFF_REDIS_URL": redis_url,
        "HANDSOFF_STORE_URL": f"file://{tmp_path}/store",
        "HANDSOFF_PORT": str(port),
        "TMPDIR": str(tmp_path / "spool"),
    }
    with subprocess.Popen([sys.executable, "-m", "app"], env=environment) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            with httpx2.Client(transport=httpx2.HTTPTransport(retries=10)) as client:
                client.get(f"{url}/livez").raise_for_status()
            yield process.pid, url
        finally:
            process.terminate()


def resident_bytes(pid: int) -> int:
    """Return the memory of a process and its children; 0 for a process that has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task").glob("*/children")
        ids = [int(child) for path in children for child in path.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(resident_bytes, ids))


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """Measure the memory of a process and its children; the list has the peak in bytes."""
    peak, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            peak[0] = max(peak[0], resident_bytes(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    ["parts", "small", "header bomb"],
)
def test_eight_uploads_at_once_stay_below_700_mb(app: tuple[int, str], body: str) -> None:
    """Tested are forms of many parts of 1 MiB, small forms, and tars with huge headers."""
    pid, url = app
    names = [name for name in pairs(1) if name != "labelset.json"]
    forms = {
        "parts": [("images", (f"{n}.png", bytes(MiB))) for n in range(NUM_PARTS)],
        "small": [(name.partition("/")[0], ("a.png", pairs(1)[name])) for name in names],
        "header bomb": [("archive", ("a.tgz", header_bomb(b"L", 300 * MiB)))],
    }

    def send(_: int) -> int:
        schema = '{"classes": ["background", "skin"]}'
        data = {} if body == "header bomb" else {"schema": schema}
        return httpx2.post(
            f"{url}/v1/labelsets", files=forms[body], data=data, timeout=120
        ).status_code

    with watched(pid) as peak, ThreadPoolExecutor(NUM_CONNECTIONS) as threads:
        statuses = set(threads.map(send, range(NUM_CONNECTIONS)))
    assert statuses <= {201, 422, 503}
    assert 60 * MiB < peak[0] < 700 * MiB
