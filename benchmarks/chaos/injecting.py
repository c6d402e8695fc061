"""Injects faults: each kind has a function that begins it and one that ends it."""

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis
import structlog
from redis.exceptions import RedisError

from benchmarks.chaos.faults import Fault
from benchmarks.chaos.world import World

log = structlog.get_logger()

Effect = Callable[[World, Fault], bool | None]
"""Begins or ends a fault. False: it was not possible."""

MEMORY_LEFT_BYTES = 2 * 1024 * 1024
STORE_DELAY_SECONDS = 1.0
CLOCK_SHIFTS_SECONDS = (-3_600, -60, 60, 3_600)


@dataclass(frozen=True)
class Injected:
    """The faults of a schedule that took effect, and those that could not begin."""

    faults: tuple[Fault, ...]
    impossible: tuple[Fault, ...]


def inject(world: World, faults: Sequence[Fault], stopping: threading.Event) -> Injected:
    """Begin and end each fault at its time. Returns when the last one has ended, or when stopped."""
    start, done, impossible = time.monotonic(), [], []
    steps = [(fault.at, True, fault) for fault in faults]
    steps += [(fault.at + fault.seconds, False, fault) for fault in faults]
    for at, is_begin, fault in sorted(steps, key=lambda step: (step[0], not step[1])):
        if stopping.wait(max(0.0, start + at - time.monotonic())):
            break
        begin, end = EFFECTS[fault.kind]
        if not is_begin:
            end(world, fault)
        elif begin(world, fault) is False:
            impossible.append(fault)
        else:
            done.append(fault)
        log.info("fault", at=round(at, 1), begins=is_begin, kind=fault.kind, target=fault.target)
    return Injected(tuple(done), tuple(impossible))


def _none(_: World, __: Fault) -> None:
    """Do nothing: the supervisor repairs it."""


def _sends(number: signal.Signals) -> Effect:
    return lambda world, fault: world.signal(fault.target, number)


def _take_memory(world: World, fault: Fault) -> None:
    world.limit_memory(fault.target, MEMORY_LEFT_BYTES)


def _give_memory(world: World, fault: Fault) -> None:
    world.limit_memory(fault.target, None)


def _flush(world: World, _: Fault) -> bool:
    url = world.stack.redis.url
    try:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            client.flushall()
    except RedisError:  # stopped by another fault
        return False
    return True


def _hold(*names: str) -> tuple[Effect, Effect]:
    """Kill processes and keep them down for a time; without names, all."""

    def begin(world: World, _: Fault) -> None:
        chosen = names or world.processes
        world.held.update(chosen)
        for name in chosen:
            world.signal(name, signal.SIGKILL)

    def end(world: World, _: Fault) -> None:
        world.held.difference_update(names or world.processes)

    return begin, end


def _slow(world: World, fault: Fault) -> None:
    assert world.proxy is not None
    world.proxy.delay_seconds = random.Random(fault.at).uniform(0.1, STORE_DELAY_SECONDS)  # noqa: S311


def _fast(world: World, _: Fault) -> None:
    assert world.proxy is not None
    world.proxy.delay_seconds = 0.0


def _move_clock(world: World, fault: Fault) -> None:
    assert world.clock is not None
    world.clock.move(random.Random(fault.at).choice(CLOCK_SHIFTS_SECONDS))  # noqa: S311


def _set_clock(world: World, _: Fault) -> None:
    assert world.clock is not None
    world.clock.move(0)


EFFECTS: dict[str, tuple[Effect, Effect]] = {
    "kill": (_sends(signal.SIGKILL), _none),
    "terminate": (_sends(signal.SIGTERM), _none),
    "freeze": (_sends(signal.SIGSTOP), _sends(signal.SIGCONT)),
    "take_memory": (_take_memory, _give_memory),
    "flush_redis": (_flush, _none),
    "stop_redis": _hold("redis"),
    "fill_disk": (lambda world, _: world.disk.fill(), lambda world, _: world.disk.free()),
    "forbid_writes": (
        lambda world, _: world.disk.make_read_only(),
        lambda world, _: world.disk.make_writable(),
    ),
    "slow_store": (_slow, _fast),
    "stop_store": _hold("rclone"),
    "move_clock": (_move_clock, _set_clock),
    "lose_power": _hold(),
}
"""For each kind of fault, how it begins and how it ends."""
