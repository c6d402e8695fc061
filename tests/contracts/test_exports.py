"""Promises of the table of export formats, and of an export's name."""

import pytest
from pydantic import ValidationError

from contracts.exports import EXPORT_NEEDS, ExportRef
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from handsoff_shards.formats import FORMATS

BATCH = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))


def test_what_is_offered_is_what_can_be_written() -> None:
    """The same formats, for labels of the same tasks, as the code that writes them."""
    assert {name: set(needs) for name, needs in EXPORT_NEEDS.items()} == {
        name: set(found.needs) for name, found in FORMATS.items()
    }


def test_an_export_is_named_in_one_word() -> None:
    """It crosses the queue and comes back the same; no other word does."""
    export = ExportRef(batch=BATCH, format="yolo-pose")
    assert ExportRef.parse(str(export)) == export
    with pytest.raises(ValidationError):
        ExportRef.parse(f"{BATCH}/../secrets")
