"""Promises of the table of export formats, and of an export's name."""

import pytest
from pydantic import ValidationError

from contracts.exports import EXPORT_NEEDS, INSTANCE_FORMATS, ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from handsoff_shards.formats import FORMATS
from state import keys
from state.queues import export_call

BATCH = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))


def test_what_is_offered_is_what_can_be_written() -> None:
    """The same formats, for labels of the same tasks, as the code that writes them."""
    assert {name: set(needs) for name, needs in EXPORT_NEEDS.items()} == {
        name: set(found.needs) for name, found in FORMATS.items()
    }
    assert set(INSTANCE_FORMATS) == {name for name, found in FORMATS.items() if found.instances}


def test_an_export_is_named_in_one_word() -> None:
    """It crosses the queue and comes back the same; no other word does."""
    for instances in (False, True):
        export = ExportRef(batch=BATCH, format="yolo-seg", instances=instances)
        assert ExportRef.parse(str(export)) == export
    with pytest.raises(ValidationError):
        ExportRef.parse(f"{BATCH}/../secrets")


def test_an_export_with_instances_is_another_export() -> None:
    """In the queue, in Redis and in the store: neither stands for the other."""
    plain, instances = (ExportRef(batch=BATCH, format="coco", instances=on) for on in (False, True))
    assert str(plain) != str(instances)
    assert keys.export_record(plain) != keys.export_record(instances)
    assert export_call(plain, 1).rq_id != export_call(instances, 1).rq_id
