"""The calls of the queues."""

import re

import pytest

from contracts.base import now
from contracts.exports import ExportRef
from contracts.generators.generator import PinnedGenerator
from contracts.generators.inverters import InverterOptions, InverterRequest
from contracts.ids import DEFAULT_TENANT, RqId, new_id
from contracts.jobs import JobRef, ShardRef
from contracts.kinds import Kinds
from contracts.streams import StreamRef, StreamShardRef
from state.queues import Call, export_call, job_call, pilot_call, shard_call, stream_call

BATCH = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))
STREAM = StreamRef(tenant=DEFAULT_TENANT, id=new_id("stream"))
INVERTER = InverterRequest(
    tenant=DEFAULT_TENANT,
    id=new_id("inverter"),
    created_at=now(),
    seed=0,
    generator=PinnedGenerator(id="tiny-32", digest="0" * 64, height_px=32, width_px=32),
    options=InverterOptions(),
)
CALLS = {
    "": job_call(Kinds(), INVERTER, 1),
    "pilot": pilot_call(BATCH, 1),
    "000003": shard_call(ShardRef(batch=BATCH, index=3), 2),
    "000004": stream_call(StreamShardRef(stream=STREAM, index=4), 9),
    "export-yolo-seg": export_call(ExportRef(batch=BATCH, format="yolo-seg"), 1),
    "export-coco-instances": export_call(ExportRef(batch=BATCH, format="coco", instances=True), 12),
}


@pytest.mark.parametrize(("part", "call"), CALLS.items())
def test_rq_takes_the_id(part: str, call: Call) -> None:
    """RQ allows letters, digits, underscores and dashes in ids."""
    assert re.fullmatch(r"[A-Za-z0-9_-]+", call.rq_id)


@pytest.mark.parametrize(("part", "call"), CALLS.items())
def test_an_id_can_be_parsed(part: str, call: Call) -> None:
    """The id of a call contains its job or stream, and the part that the task works on."""
    rq_id = RqId.parse(call.rq_id)
    assert rq_id is not None
    assert str(rq_id) == call.rq_id
    assert (rq_id.owner, rq_id.part) == (call.argument.split("/")[1], part)


@pytest.mark.parametrize(("part", "call"), CALLS.items())
def test_an_argument_can_be_parsed(part: str, call: Call) -> None:
    """The registry derives the task and the same id from the function and the argument of an entry."""
    kinds = Kinds()
    task, argument = call.task, kinds.parse_argument(call.task.function, call.argument)
    assert kinds.task_of(call.task.function) is task
    number = int(call.rq_id.rpartition("-")[2])
    assert str(task.rq_id(argument, number)) == call.rq_id


def test_each_attempt_has_its_own_id() -> None:
    """RQ would take a reused id for the old entry."""
    assert pilot_call(BATCH, 1).rq_id != pilot_call(BATCH, 2).rq_id
