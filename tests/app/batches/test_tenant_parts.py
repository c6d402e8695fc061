"""The limit of what waits: no tenant fills a queue for the others."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.queueing import Queueing
from contracts.errors.limits import QueueFull
from contracts.ids import new_id
from contracts.jobs import JobRef
from state.admission.costs import Cost
from state.ledger import Ledger
from state.redis_calls import RedisCalls
from state.settings import Settings


@pytest.fixture
def limited(settings: Settings) -> Settings:
    """Return settings with a limit of 100 seconds of waiting work."""
    return settings.model_copy(update={"max_queued_time": timedelta(seconds=100)})


@pytest.fixture
def queueing(limited: Settings, ledger: Ledger) -> Iterator[Queueing]:
    """Return the queues, of which ada has filled one."""
    del ledger  # it empties Redis
    opened = Queueing(limited.redis_url.get_secret_value(), RedisCalls(), limited)
    ada = JobRef(tenant="ada", id=new_id("batch"))
    opened.admission.put_shards(ada, range(102), Cost(seconds=1))  # RQ takes two of them
    yield opened
    opened.close()


def test_a_tenant_that_filled_the_queue_is_refused(queueing: Queueing, limited: Settings) -> None:
    """Also when others have work there: it has more than its part."""
    with pytest.raises(QueueFull):
        queueing.check_room(limited, "generate", Cost(seconds=1), "ada")


def test_another_tenant_has_its_part(queueing: Queueing, limited: Settings) -> None:
    """With two tenants, each may let 50 seconds wait in a full queue."""
    queueing.check_room(limited, "generate", Cost(seconds=50), "bob")
    with pytest.raises(QueueFull):
        queueing.check_room(limited, "generate", Cost(seconds=51), "bob")


def test_a_part_is_counted_by_tenant(queueing: Queueing, limited: Settings) -> None:
    """What the second tenant lets wait counts against its part, not against that of the third."""
    bob = JobRef(tenant="bob", id=new_id("batch"))
    queueing.admission.put_shards(bob, range(50), Cost(seconds=1))
    with pytest.raises(QueueFull):
        queueing.check_room(limited, "generate", Cost(seconds=2), "bob")
    queueing.check_room(limited, "generate", Cost(seconds=33), "cleo")
