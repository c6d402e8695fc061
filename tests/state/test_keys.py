"""Promises of the object keys."""

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from state import keys

FIT = JobRef(tenant=DEFAULT_TENANT, id=new_id("fit"))


def test_every_key_is_its_tenants() -> None:
    """Keys begin with the tenant, so one tenant's prefix holds all it owns."""
    assert keys.job_request(FIT).startswith(f"tenants/{DEFAULT_TENANT}/fits/{FIT.id}/")
    assert keys.idempotency("other", "k").startswith("tenants/other/")


def test_an_idempotency_key_may_hold_anything() -> None:
    """A caller's text never becomes a path."""
    assert ".." not in keys.idempotency(DEFAULT_TENANT, "../../etc/passwd")


def test_truncations_that_differ_have_pilots_of_their_own() -> None:
    """0.7 and 0.75 are two measurements; 0.7 and 0.70 are one."""
    pilot = [keys.pilot(DEFAULT_TENANT, FIT.id, truncation) for truncation in (0.7, 0.70, 0.75)]
    assert pilot[0] == pilot[1] != pilot[2]
