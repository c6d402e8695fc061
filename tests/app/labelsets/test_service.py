"""Promises of the labelset service when something breaks on the way."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.decoding.parent import Decoder, limits_of
from app.decoding.protocol import RESULT, DecodeJob
from app.labelsets import service
from app.labelsets.service import Upload
from app.services import Services
from contracts.errors.tree import InvalidUpload, StoreUnavailable, Unavailable
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.labelsets import LabelsetManifest
from state import keys
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.uploading import pairs, zipped

Make = Callable[..., LabelsetManifest]


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


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a labelset of three pairs, or of these files."""

    def run(services: Services, files: Mapping[str, bytes] | None = None) -> LabelsetManifest:
        folder = tmp_path / new_id("upload")
        folder.mkdir()
        archive = folder / "archive"
        archive.write_bytes(zipped(files or pairs(3)))
        sent = Upload(archive=archive, files=(), schema_text=None)
        return service.create(services, DEFAULT_TENANT, sent, None, folder=folder).value

    return run


def limited(services: Services, **limits: object) -> Services:
    """The same services with other settings."""
    settings = services.settings.model_copy(update=limits)
    return replace(services, settings=settings, decoder=Decoder(settings))


def test_a_store_that_fails_midway_is_left_clean(services: Services, make: Make) -> None:
    """When not everything could be stored, what was is removed again."""
    store = FullStore(services.store.objects)
    with pytest.raises(StoreUnavailable):
        make(replace(services, store=store))
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "labelsets"))) == []


def test_the_child_has_a_limit_of_time(services: Services, make: Make) -> None:
    """A child that takes too long is ended, and the caller told to send less."""
    hasty = limited(services, decode_wall=timedelta(milliseconds=1))
    with pytest.raises(InvalidUpload, match="took longer than is allowed"):
        make(hasty)


def test_the_child_has_a_limit_of_memory(services: Services, make: Make) -> None:
    """An image that is within the limit of pixels, but not of memory, does no harm."""
    tight = limited(services, decode_memory_bytes=200_000_000)
    large = pairs(1, size=(4_000, 4_000))
    with pytest.raises(InvalidUpload, match="takes more memory"):
        make(tight, large)


def test_only_so_many_are_decoded_at_once(services: Services, make: Make) -> None:
    """When every decoding child is busy, the caller is told to come back; a free one is taken again."""
    services = limited(services, max_decoders=1)
    with services.decoder._free, pytest.raises(Unavailable, match="Too many uploads"):
        make(services)
    assert make(services).entries


def test_a_full_disk_is_not_the_callers_fault(services: Services, tmp_path: Path) -> None:
    """When the child has no room to write, the caller is told to come back, not to send another upload."""
    (tmp_path / RESULT).symlink_to("/dev/full")
    (tmp_path / "archive").write_bytes(zipped(pairs(1)))
    limits = limits_of(services.settings)
    job = DecodeJob(archive=tmp_path / "archive", files=(), schema_text=None, limits=limits)
    with pytest.raises(Unavailable, match="disk is full"):
        services.decoder.run(job, tmp_path)
