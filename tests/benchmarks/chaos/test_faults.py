"""The schedule of faults follows from its seed, and leaves no kind of fault and no process out."""

from benchmarks.chaos.faults import CLOCK, DISK, KINDS, MACHINE, STORE, missing_kinds, schedule
from benchmarks.chaos.injecting import EFFECTS

PROCESSES = ("redis", "app", "fit", "generate", "cpu", "reconcile", "rclone")
OTHERS = (DISK, STORE, CLOCK, MACHINE)
ALL = 3 * len(PROCESSES) + 13
"""Three signals for every process, five processes without memory, and eight other faults."""


def test_a_seed_gives_the_same_schedule() -> None:
    """A failed run can be repeated."""
    one, same, other = (schedule(seed, 50, 600, PROCESSES, OTHERS) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_each_fault_of_each_target_occurs_before_one_is_repeated() -> None:
    """Every process is killed, frozen and terminated, and no kind of fault is left to luck."""
    faults = [(fault.kind, fault.target) for fault in schedule(1, ALL, 600, PROCESSES, OTHERS)]
    assert len(set(faults)) == ALL
    assert {kind for kind, _ in faults} == {kind.name for kind in KINDS}
    for process in PROCESSES:
        assert {("kill", process), ("freeze", process), ("terminate", process)} <= set(faults)


def test_faults_are_spread_over_the_time() -> None:
    """One begins in each part of the time, and each lasts as long as its kind may."""
    faults = schedule(1, 60, 600, PROCESSES, OTHERS)
    assert [int(fault.at // 10) for fault in faults] == list(range(60))
    seconds = {kind.name: kind.seconds for kind in KINDS}
    for fault in faults:
        shortest, longest = seconds[fault.kind]
        assert shortest <= fault.seconds <= longest


def test_a_service_without_a_target_gets_no_such_fault() -> None:
    """A folder that is no disk cannot be full. The run names what it left out."""
    faults = schedule(1, 100, 600, PROCESSES, [STORE, MACHINE])
    left_out = missing_kinds([STORE, MACHINE])
    assert left_out == ["fill_disk", "forbid_writes", "move_clock"]
    assert not {fault.kind for fault in faults}.intersection(left_out)
    assert missing_kinds(OTHERS) == []


def test_every_kind_can_be_injected() -> None:
    """A new kind needs functions that begin and end it."""
    assert set(EFFECTS) == {kind.name for kind in KINDS}
