"""The service under chaos: Redis with its log on disk, the app, workers of each queue, two reconcilers, and the store.

A supervisor thread restarts each process that ends, as an operator's would. `Targets` names what faults can hit.
"""

import resource
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.clock import Clock
from benchmarks.chaos.disks import Disk, small_disk
from benchmarks.chaos.faults import CLOCK, DISK, MACHINE, STORE
from benchmarks.chaos.slow_proxy import SlowProxy, slow_proxy
from benchmarks.service.keyed_tenants import SETTINGS as KEYED
from benchmarks.service.keyed_tenants import Tenant, create_tenant
from benchmarks.service.s3_server import S3Server
from examples.demo.redis_access import RedisAccess
from examples.demo.stack import Stack, free_port, wait_until_listening
from state.settings import Settings

ALL_QUEUES = ("fit", "generate", "generate", "cpu", "train", "evaluate", "reconcile", "reconcile")
FEW_QUEUES = ("fit", "generate", "cpu", "reconcile", "reconcile")
S3 = "s3"
DISK_BYTES, DISK_BYTES_PER_SECOND = 512 * 1024**2, 2 * 1024**2
"""The size of the disk: customers make up to a megabyte per second, and only faults may fill it."""
CHECK_SECONDS = 0.2

SETTINGS = {
    "HANDSOFF_HEARTBEAT_INTERVAL": "PT0.5S",
    "HANDSOFF_HEARTBEAT_FRESH": "PT3S",
    "HANDSOFF_RECONCILE_INTERVAL": "PT1S",
    "HANDSOFF_WATCHDOG": "PT30S",
    "HANDSOFF_ORPHAN_AGE": "PT15S",  # longer than a process is frozen
    "HANDSOFF_MIN_FREE_BYTES": "0",  # a full disk meets accepted jobs too
    "HANDSOFF_MAX_ATTEMPTS": "20",  # no job is to blame here: it must end with success
    "HANDSOFF_CPU_THREADS": "1",
    "HANDSOFF_MICRO_BATCH": "16",
    "HANDSOFF_LOG_FORMAT": "json",
}
"""A worker counts as dead soon, so that many deaths fit into the time."""

LIMITS: Mapping[str, Mapping[str, int]] = {
    "alpha": {"weight": 2, "requests-per-minute": 3_000, "queued-jobs": 40},
    "beta": {"weight": 1, "requests-per-minute": 200, "queued-jobs": 10, "jobs-in-workers": 2},
}
"""The tenants. The limits of the second one are reached: its customers get refusals beside the faults."""


@dataclass
class World:
    """A running service and what faults can hit. `held` are the processes that the supervisor does not restart now."""

    stack: Stack
    disk: Disk
    store_folder: Path
    proxy: SlowProxy | None
    clock: Clock | None
    tenants: tuple[Tenant, ...]
    held: set[str] = field(default_factory=set)
    restarts: int = 0

    @property
    def processes(self) -> tuple[str, ...]:
        """The names of all processes."""
        return tuple(self.stack.processes)

    @property
    def other_targets(self) -> set[str]:
        """The targets of faults beside the processes."""
        optional = {DISK: self.disk.is_mounted, STORE: self.proxy, CLOCK: self.clock}
        return {MACHINE} | {target for target, exists in optional.items() if exists}

    @property
    def settings(self) -> Settings:
        """The settings of the service, with its store and its Redis."""
        names = {name: name.removeprefix("HANDSOFF_").lower() for name in self.stack.environment}
        known = Settings.model_fields.keys()
        values = {
            field: self.stack.environment[name]
            for name, field in names.items()
            if name != field and field in known
        }
        return Settings.model_validate(values)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process. One that has just ended is left alone."""
        self.stack.processes[name].send_signal(number)

    def limit_memory(self, name: str, extra_bytes: int | None) -> None:
        """Let a process allocate only `extra_bytes` more address space, or any amount."""
        process = self.stack.processes[name]
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0])
            limit = (
                resource.RLIM_INFINITY
                if extra_bytes is None
                else pages * resource.getpagesize() + extra_bytes
            )
            hard = resource.RLIM_INFINITY
            resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, hard))
        except (OSError, IndexError):  # it has just ended
            return

    def calm(self) -> None:
        """End all faults."""
        self.disk.make_writable()
        self.disk.free()
        if self.proxy:
            self.proxy.delay_seconds = 0.0
        if self.clock:
            self.clock.move(0)
        for name in self.processes:
            self.signal(name, signal.SIGCONT)
            self.limit_memory(name, None)
        self.held.clear()


@contextmanager
def open_world(
    folder: Path,
    store: str,
    queues: Sequence[str] = ALL_QUEUES,
    module: str = "workers",
    seconds: float = 0.0,
    *,
    new_stack: Callable[..., Stack] = Stack,
) -> Iterator[World]:
    """Start the service on a `file` or `s3` store below `folder`, whose disk has room for `seconds` of faults.

    `module` is that of the worker processes. `new_stack` is called as `Stack`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    num_bytes = int(DISK_BYTES + DISK_BYTES_PER_SECOND * seconds)
    with ExitStack() as opened:
        disk = opened.enter_context(small_disk(folder / "disk", num_bytes))
        server, proxy, settings = (
            S3Server(disk.folder / "s3", free_port()),
            None,
            SETTINGS | KEYED,
        )
        if store == S3:
            proxy = opened.enter_context(slow_proxy(server.port))
            settings |= server.settings(proxy.port)
            store_folder = server.bucket
        else:
            store_folder = disk.folder / "store"
            settings["HANDSOFF_STORE_URL"] = store_folder.resolve().as_uri()
        clock = Clock.build(folder)
        settings |= clock.environment if clock else {}
        redis = RedisAccess(free_port(), keeps_data=True)
        stack = opened.enter_context(new_stack(folder, settings=settings, redis=redis))
        if store == S3:
            stack.start_process("rclone", server.command())
            wait_until_listening(server.port)
        world = World(stack, disk, store_folder, proxy, clock, _tenants(stack))
        opened.callback(world.calm)
        _start(stack, queues, module)
        opened.enter_context(_supervised(world))
        yield world


def _tenants(stack: Stack) -> tuple[Tenant, ...]:
    return tuple(create_tenant(stack, name, limits) for name, limits in LIMITS.items())


def _start(stack: Stack, queues: Sequence[str], module: str) -> None:
    """Start Redis, the workers and the app. A second worker of a queue is called `fit-2`."""
    stack.start_redis()
    for number, queue in enumerate(queues):
        nth = queues[: number + 1].count(queue)
        name = queue if nth == 1 else f"{queue}-{nth}"
        stack.start_process(name, stack.worker_command(queue, module))
    stack.start_app()


@contextmanager
def _supervised(world: World) -> Iterator[None]:
    """Restart processes that end, until the end of the block."""
    stopping = threading.Event()

    def supervise() -> None:
        while not stopping.wait(CHECK_SECONDS):
            world.restarts += len(world.stack.restart_ended(but=world.held))

    supervisor = threading.Thread(target=supervise, name="supervisor")
    supervisor.start()
    try:
        yield
    finally:
        stopping.set()
        supervisor.join()
