"""A deletion that ends halfway is finished by a reconciler: it is planned before the first object is deleted."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx2
import pytest

from contracts.base import now
from contracts.errors.tree import StoreUnavailable
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state import keys
from state.ledger import Ledger
from state.leftovers.plan import SweepPlan
from state.store import ObjectInfo, Store


class FailingStore(Store):
    """A store in memory that fails when a deletion lists what it has to delete."""

    is_failing = False

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """List objects, or fail."""
        if FailingStore.is_failing:
            raise StoreUnavailable("The store is away.")
        return super().list(prefix)


@pytest.fixture
def store() -> Iterator[Store]:
    """Return a store that may fail during the test."""
    yield FailingStore.in_memory()
    FailingStore.is_failing = False


def test_an_interrupted_delete_is_planned(
    client: httpx2.Client,
    fit_id: str,
    finish_fit: Callable[[str], None],
    store: Store,
    ledger: Ledger,
) -> None:
    """The fit is gone for readers, some of its objects are not; its prefix is in the plan of sweeps."""
    finish_fit(fit_id)
    prefix = keys.job_prefix(JobRef(tenant=DEFAULT_TENANT, id=fit_id))
    SweepPlan(ledger).drop(prefix)
    FailingStore.is_failing = True
    assert client.delete(f"/v1/fits/{fit_id}").status_code == 503
    FailingStore.is_failing = False
    assert client.get(f"/v1/fits/{fit_id}").status_code == 410
    assert len(list(store.list(prefix))) > 1
    assert prefix in SweepPlan(ledger).planned_before(now() + timedelta(minutes=1), 99)
