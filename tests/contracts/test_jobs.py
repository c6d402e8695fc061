"""Promises of job references and statuses."""

import pytest
from pydantic import ValidationError

from contracts.ids import new_id
from contracts.jobs import JobRef, JobStatus, ShardRef


def test_a_reference_survives_the_queue() -> None:
    """A reference turned to text and back is the same, for a job and for a shard."""
    batch = JobRef(tenant="default", id=new_id("batch"))
    shard = ShardRef(batch=batch, index=17)
    assert JobRef.parse(str(batch)) == batch
    assert ShardRef.parse(str(shard)) == shard


@pytest.mark.parametrize("text", ["", "default", "default/fit_1", "../x/fit_" + "0" * 32])
def test_anything_else_is_no_reference(text: str) -> None:
    """A text that is not a reference is refused, so no queue entry can point out of its tenant."""
    with pytest.raises(ValidationError):
        JobRef.parse(text)


def test_the_kind_is_in_the_id() -> None:
    """A reference knows its kind by the id's prefix."""
    assert JobRef(tenant="default", id=new_id("fit")).kind == "fit"
    assert JobRef(tenant="default", id=new_id("batch")).kind == "batch"


def test_three_statuses_are_the_end() -> None:
    """No status follows succeeded, failed and cancelled."""
    ends = {status.value for status in JobStatus if status.is_terminal}
    assert ends == {"succeeded", "failed", "cancelled"}
