"""Promises of the labelset service when something breaks on the way."""

import dataclasses
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.decoding.parent import Decoder
from app.labelsets import service
from app.labelsets.service import Upload, UploadedFile
from app.services import Services
from contracts import keys
from contracts.errors import InvalidUpload, StoreUnavailable, Unavailable
from contracts.ids import DEFAULT_TENANT
from contracts.ledger import Ledger
from contracts.settings import Settings
from contracts.store import Store
from tests.app.conftest import pairs, zipped


class FullStore(Store):
    """A store that takes three objects and then no more."""

    def put(self, key: str, data: object) -> None:
        """Writes, while there is room."""
        if sum(1 for _ in self.list("tenants")) == 3:
            raise StoreUnavailable("The disk is full.")
        assert isinstance(data, bytes)
        super().put(key, data)


@pytest.fixture
def services(settings: Settings, store: Store, ledger: Ledger) -> Iterator[Services]:
    """What the service is handed."""
    services = Services.from_settings(settings, store)
    yield services
    services.ledger.redis.close()
    services.queueing.close()


def test_only_so_many_are_decoded_at_once(services: Services) -> None:
    """When every decoding child is busy, the caller is told to come back; a free one is taken again."""
    busy = Decoder(services.settings.model_copy(update={"max_decoders": 1}))
    services = dataclasses.replace(services, decoder=busy)
    with busy._free, pytest.raises(Unavailable, match="Too many uploads"):
        service.create(services, DEFAULT_TENANT, upload(), None)
    assert service.create(services, DEFAULT_TENANT, upload(), None).value.entries


def upload() -> Upload:
    """An archive of three pairs."""
    archive = UploadedFile(name="", content=io.BytesIO(zipped(pairs(3))))
    return Upload(archive=archive, files=(), schema_text=None)


def test_a_store_that_fails_midway_is_left_clean(services: Services) -> None:
    """When not everything could be stored, what was is removed again."""
    store = FullStore(services.store.objects)
    with pytest.raises(StoreUnavailable):
        service.create(dataclasses.replace(services, store=store), DEFAULT_TENANT, upload(), None)
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "labelsets"))) == []


@pytest.mark.parametrize(
    "limit", [{"decode_wall": timedelta(milliseconds=1)}, {"decode_memory_bytes": 30_000_000}]
)
def test_the_child_is_stopped_at_its_limits(services: Services, limit: dict[str, object]) -> None:
    """Time and memory of the decoding child end; the caller is told to send less."""
    settings = services.settings.model_copy(update=limit)
    tight = dataclasses.replace(services, settings=settings, decoder=Decoder(settings))
    with pytest.raises(InvalidUpload, match=r"limits of time and memory|more memory"):
        service.create(tight, DEFAULT_TENANT, upload(), None)
