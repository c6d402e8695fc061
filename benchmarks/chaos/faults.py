"""The schedule of faults: a pure function of seed, number, duration and the targets of a service."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

DISK, STORE, CLOCK, MACHINE = "disk", "store", "clock", "machine"
"""Targets beside the processes: not every service has a small disk, an S3 server or a clock that can be moved."""

Seconds = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `targets` of None: every process, each in turn. `seconds`: the shortest and longest duration."""

    name: str
    targets: tuple[str, ...] | None
    seconds: Seconds = (0.0, 0.0)


KINDS = (
    Kind("kill", None),
    Kind("terminate", None),
    Kind("freeze", None, (1, 10)),
    Kind("take_memory", ("app", "fit", "generate", "cpu", "reconcile"), (3, 8)),
    Kind("flush_redis", ("redis",)),
    Kind("stop_redis", ("redis",), (2, 8)),
    Kind("fill_disk", (DISK,), (3, 10)),
    Kind("forbid_writes", (DISK,), (3, 10)),
    Kind("slow_store", (STORE,), (4, 12)),
    Kind("stop_store", (STORE,), (2, 8)),
    Kind("move_clock", (CLOCK,), (4, 12)),
    Kind("lose_power", (MACHINE,), (1, 3)),
)


@dataclass(frozen=True)
class Fault:
    """One fault: it begins `at` seconds after the start and lasts `seconds`, or ends at once."""

    at: float
    kind: str
    target: str
    seconds: float


def schedule(
    seed: int, count: int, duration: float, processes: Sequence[str], others: Collection[str]
) -> tuple[Fault, ...]:
    """Return `count` faults within `duration` seconds. Each fault of each target occurs before one is repeated."""
    rng = random.Random(seed)  # noqa: S311 - a schedule needs no secrecy
    deck: list[tuple[Kind, str]] = []
    faults = []
    for number in range(count):
        if not deck:
            deck = [
                (kind, target)
                for kind in KINDS
                for target in (kind.targets or processes)
                if target in processes or target in others
            ]
            rng.shuffle(deck)
        kind, target = deck.pop()
        at = (number + rng.random()) * duration / count
        faults.append(Fault(at, kind.name, target, rng.uniform(*kind.seconds)))
    return tuple(faults)


def missing_kinds(others: Collection[str]) -> list[str]:
    """Return the kinds of faults that a service without some targets does not get."""
    optional = {DISK, STORE, CLOCK} - set(others)
    return [kind.name for kind in KINDS if kind.targets and optional.intersection(kind.targets)]
