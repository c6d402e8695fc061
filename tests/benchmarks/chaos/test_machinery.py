"""The parts that make faults: a disk that is full or read-only, a slow network, a clock that is wrong."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.chaos.clock import Clock
from benchmarks.chaos.disks import Disk, small_disk
from benchmarks.chaos.slow_proxy import slow_proxy
from examples.demo.redis_access import LOOPBACK

MB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a disk of 4 MB. Skipped where this user cannot mount one."""
    with small_disk(tmp_path / "disk", 4 * MB) as disk:
        if not disk.is_mounted:
            pytest.skip("needs root of Linux, to mount a tmpfs")
        yield disk


def test_a_full_disk_takes_no_byte(disk: Disk) -> None:
    """Older objects stay. Then the space is given back."""
    file = disk.folder / "object"
    file.write_bytes(b"stored")
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        (disk.folder / "another").write_bytes(bytes(MB))
    assert file.read_bytes() == b"stored"
    disk.free()
    (disk.folder / "another").write_bytes(bytes(MB))


def test_a_read_only_disk_refuses_writes_of_root(disk: Disk) -> None:
    """The mode of a folder would not: root ignores it."""
    (disk.folder / "object").write_bytes(b"stored")
    assert disk.make_read_only()
    with pytest.raises(OSError, match="Read-only"):
        (disk.folder / "object").write_bytes(b"changed")
    disk.make_writable()
    (disk.folder / "object").write_bytes(b"changed")


def test_a_disk_that_is_being_written_stays_writable(disk: Disk) -> None:
    """The kernel refuses, and the fault counts as not possible."""
    with (disk.folder / "object").open("wb") as file:
        assert not disk.make_read_only()
        file.write(b"stored")


def test_a_disk_has_one_fault_at_a_time(disk: Disk) -> None:
    """The second one counts as not possible, and both can end."""
    assert disk.make_read_only()
    assert not disk.fill()
    disk.free()
    disk.make_writable()
    assert disk.fill()
    assert not disk.make_read_only()
    disk.make_writable()
    disk.free()
    (disk.folder / "object").write_bytes(bytes(MB))


def test_a_slow_proxy_delays_both_directions() -> None:
    """Bytes arrive unchanged, after the delay of each direction."""
    with ExitStack() as opened:
        server = opened.enter_context(socket.create_server((LOOPBACK, 0)))
        proxy = opened.enter_context(slow_proxy(server.getsockname()[1]))
        caller = opened.enter_context(socket.create_connection((LOOPBACK, proxy.port)))
        answerer = opened.enter_context(server.accept()[0])
        proxy.delay_seconds = 0.2
        began = time.monotonic()
        caller.sendall(b"question")
        assert answerer.recv(100) == b"question"
        answerer.sendall(b"answer")
        assert caller.recv(100) == b"answer"
        assert time.monotonic() - began >= 0.4
        caller.shutdown(socket.SHUT_WR)
        assert answerer.recv(100) == b""


def test_a_proxy_without_a_server_closes_the_connection() -> None:
    """A store that is down is down behind the proxy too."""
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    with slow_proxy(port) as proxy, socket.create_connection((LOOPBACK, proxy.port)) as caller:
        caller.settimeout(10)
        assert caller.recv(100) == b""


def test_a_moved_clock_shows_another_time(tmp_path: Path) -> None:
    """A running process sees it at once, and its durations do not change."""
    clock = Clock.build(tmp_path)
    if clock is None:
        pytest.skip("needs a C compiler")
    code = "import time\nwhile input(): print(time.time(), time.monotonic(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=clock.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for shift in (0, 3_600, -3_600):
            clock.move(shift)
            process.stdin.write("now\n")
            process.stdin.flush()
            wall, monotonic = (float(text) for text in process.stdout.readline().split())
            assert wall - time.time() == pytest.approx(shift, abs=60)
            assert monotonic == pytest.approx(time.monotonic(), abs=60)
        process.stdin.write("\n")
