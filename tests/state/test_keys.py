"""The keys of the object store."""

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef
from state import keys

FIT = JobRef(tenant=DEFAULT_TENANT, id=new_id("fit"))
BATCH = JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))


def test_keys_begin_with_the_tenant() -> None:
    """All objects of a tenant have one prefix."""
    assert keys.job_request(FIT).startswith(f"tenants/{DEFAULT_TENANT}/fits/{FIT.id}/")
    assert keys.idempotency("other", "k").startswith("tenants/other/")


def test_an_idempotency_key_may_be_any_text() -> None:
    """The text of a caller never becomes a path."""
    assert ".." not in keys.idempotency(DEFAULT_TENANT, "../../etc/passwd")


def test_each_truncation_has_its_own_pilot() -> None:
    """0.7 and 0.75 have different keys; 0.7 and 0.70 have the same key."""
    pilot = [keys.pilot(DEFAULT_TENANT, FIT.id, truncation) for truncation in (0.7, 0.70, 0.75)]
    assert pilot[0] == pilot[1] != pilot[2]


def test_each_condition_has_its_own_pilot() -> None:
    """Without a condition the key is that of earlier versions."""
    keys_of = [keys.pilot(DEFAULT_TENANT, FIT.id, 0.7, one) for one in (None, "0" * 64, "1" * 64)]
    assert len(set(keys_of)) == 3
    assert keys_of[0].endswith("/pilots/0.7000.json")


def test_keys_are_parsed_back() -> None:
    """An upload's id and a shard's index are read from their keys."""
    assert keys.parse_upload_content(keys.upload_content(DEFAULT_TENANT, "upload_1")) == "upload_1"
    assert keys.parse_shard_record(keys.shard_record(BATCH, 17)) == 17
