"""The texts of waiting work in Redis: calls (`C` and JSON), ranges of shards (`R first last`), one (`S batch index`).

A range becomes single shards when they are handed over. Redis may contain any text, so readers raise `ValueError`.
"""

import json
from collections.abc import Iterable
from typing import Any, cast

from contracts.ids import RqId
from contracts.jobs import ShardRef
from contracts.kinds import Kinds, QueueName
from state.queues import Call


def call_item(call: Call) -> str:
    """Return the text of a call. Equal calls have equal texts."""
    facts = {
        "function": call.task.function,
        "argument": call.argument,
        "queue": call.queue,
        "rq_id": call.rq_id,
    }
    return f"C {json.dumps(facts)}"


def range_items(shards: Iterable[int]) -> list[str]:
    """Return the texts of shards, as few ranges as possible: `[0, 1, 2, 5]` => `["R 0 2", "R 5 5"]`."""
    ranges: list[tuple[int, int]] = []
    for index in sorted(shards):
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    return [f"R {first} {last}" for first, last in ranges]


def read_call(item: str, kinds: Kinds) -> Call:
    """Return the call of a text. Raises `ValueError` when no task of `kinds` has it."""
    facts = _facts(item)
    task = kinds.task_of(facts["function"])
    if task is None or not task.may_wait_in(facts["queue"]):
        raise ValueError(f"expected the call of a task in its queue, got {item[:300]}")
    return Call(task, facts["argument"], cast("QueueName", facts["queue"]), facts["rq_id"])


def read_rq_id(item: str) -> RqId | None:
    """Return the id in RQ that a call will have, or None for any other text."""
    try:
        return RqId.parse(_facts(item)["rq_id"])
    except ValueError:
        return None


def read_range(item: str) -> range:
    """Return the shards of a range; an empty range for any other text."""
    kind, *numbers = item.split(" ")
    if kind != "R" or len(numbers) != 2 or not all(map(str.isdecimal, numbers)):
        return range(0)
    return range(int(numbers[0]), int(numbers[1]) + 1)


def read_shard(item: str) -> ShardRef | None:
    """Return the shard of a text, or None for a call. Raises `ValueError` for any other text."""
    kind, _, rest = item.partition(" ")
    batch, _, index = rest.partition(" ")
    return ShardRef.parse(f"{batch}/{index}") if kind == "S" else None


def _facts(item: str) -> dict[str, str]:
    """Return the fields of a call. Raises `ValueError`."""
    kind, _, text = item.partition(" ")
    facts: Any = json.loads(text) if kind == "C" else None
    names = ("function", "argument", "queue", "rq_id")
    if not isinstance(facts, dict) or not all(isinstance(facts.get(name), str) for name in names):
        raise ValueError(f"expected a call, got {item[:300]}")
    return facts
