"""References and statuses of jobs."""

import pytest
from pydantic import ValidationError

from contracts.ids import new_id
from contracts.jobs import JobRef, JobStatus, ShardRef


def test_a_reference_can_be_parsed() -> None:
    """The text of a job or a shard parses to the same reference."""
    batch = JobRef(tenant="default", id=new_id("batch"))
    shard = ShardRef(batch=batch, index=17)
    assert JobRef.parse(str(batch)) == batch
    assert ShardRef.parse(str(shard)) == shard


@pytest.mark.parametrize("text", ["", "default", "default/fit_1", "../x/fit_" + "0" * 32])
def test_other_text_is_not_a_reference(text: str) -> None:
    """It is refused, so no entry of a queue can refer to data outside of its tenant."""
    with pytest.raises(ValidationError):
        JobRef.parse(text)


def test_a_reference_has_a_kind() -> None:
    """The kind is the prefix of the id."""
    assert JobRef(tenant="default", id=new_id("fit")).kind == "fit"
    assert JobRef(tenant="default", id=new_id("batch")).kind == "batch"


def test_three_statuses_are_terminal() -> None:
    """No status follows succeeded, failed and cancelled."""
    terminal = {status.value for status in JobStatus if status.is_terminal}
    assert terminal == {"succeeded", "failed", "cancelled"}
