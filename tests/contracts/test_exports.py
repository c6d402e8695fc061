"""The table of export formats, and the references of exports."""

import pytest
from pydantic import ValidationError

from contracts.exports import EXPORT_NEEDS, INSTANCE_FORMATS, ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from handsoff_shards.formats import FORMATS
from state.on_demand import paths
from state.queues import export_call

BATCH = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))


def test_the_table_equals_that_of_the_writer() -> None:
    """The service offers the formats of `handsoff_shards`, for the same tasks."""
    assert {name: set(needs) for name, needs in EXPORT_NEEDS.items()} == {
        name: set(row.needs) for name, row in FORMATS.items()
    }
    assert set(INSTANCE_FORMATS) == {name for name, row in FORMATS.items() if row.instances}


def test_a_reference_can_be_parsed() -> None:
    """The text of a reference parses to the same reference; other text is refused."""
    for instances in (False, True):
        export = ExportRef(batch=BATCH, format="yolo-seg", instances=instances)
        assert ExportRef.parse(str(export)) == export
    with pytest.raises(ValidationError):
        ExportRef.parse(f"{BATCH}/../secrets")


def test_an_export_with_instances_is_a_different_export() -> None:
    """It has its own id in the queue, its own name in Redis and its own key in the store."""
    plain, instances = (ExportRef(batch=BATCH, format="coco", instances=on) for on in (False, True))
    assert str(plain) != str(instances)
    assert paths.export_record(plain) != paths.export_record(instances)
    assert export_call(plain, 1).rq_id != export_call(instances, 1).rq_id
