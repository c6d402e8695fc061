"""Tests of the labelset service with failures and limits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.decoding.parent import Decoder, limits_of
from app.decoding.protocol import RESULT, DecodeJob
from app.labelsets import service
from app.labelsets.storing import Upload
from app.services import Services
from contracts.errors.tree import InvalidUpload, StoreUnavailable, Unavailable
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.labelsets import LabelsetManifest
from state import keys
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.uploading import pairs, zipped

Create = Callable[..., LabelsetManifest]


class FullStore(Store):
    """A store that is full after three objects."""

    def put(self, key: str, data: object) -> None:
        """Store an object, or raise if the store is full."""
        if sum(1 for _ in self.list("tenants")) == 3:
            raise StoreUnavailable("The disk is full.")
        assert isinstance(data, bytes)
        super().put(key, data)


@pytest.fixture
def services(settings: Settings, store: Store, ledger: Ledger) -> Iterator[Services]:
    """The services that the service needs."""
    services = Services.from_settings(settings, store)
    yield services
    services.ledger.redis.close()
    services.queueing.close()


@pytest.fixture
def create(tmp_path: Path) -> Create:
    """A function that creates a labelset of three pairs or of the given files."""

    def run(services: Services, files: Mapping[str, bytes] | None = None) -> LabelsetManifest:
        folder = tmp_path / new_id("upload")
        folder.mkdir()
        archive = folder / "archive"
        archive.write_bytes(zipped(files or pairs(3)))
        upload = Upload(archive=archive, files=(), schema_text=None)
        return service.create(services, DEFAULT_TENANT, upload, None, folder=folder).value

    return run


def limited(services: Services, **limits: object) -> Services:
    """Return the services with other settings."""
    settings = services.settings.model_copy(update=limits)
    return replace(services, settings=settings, decoder=Decoder(settings))


def test_a_failing_store_keeps_no_partial_labelset(services: Services, create: Create) -> None:
    """If one object cannot be stored, the stored ones are deleted."""
    store = FullStore(services.store.objects)
    with pytest.raises(StoreUnavailable):
        create(replace(services, store=store))
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "labelsets"))) == []


def test_the_time_of_the_child_is_limited(services: Services, create: Create) -> None:
    """A child that takes too long is killed, and the upload refused."""
    strict = limited(services, decode_wall=timedelta(milliseconds=1))
    with pytest.raises(InvalidUpload, match="took longer than is allowed"):
        create(strict)


def test_the_memory_of_the_child_is_limited(services: Services, create: Create) -> None:
    """An image within the pixel limit but over the memory limit is refused."""
    tight = limited(services, decode_memory_bytes=200_000_000)
    large = pairs(1, size=(4_000, 4_000))
    with pytest.raises(InvalidUpload, match="takes more memory"):
        create(tight, large)


def test_concurrent_decoders_are_limited(services: Services, create: Create) -> None:
    """If all decoders are busy, the upload gets 503; a free one is used again."""
    services = limited(services, max_decoders=1)
    with services.decoder._free, pytest.raises(Unavailable, match="Too many uploads"):
        create(services)
    assert create(services).entries


def test_a_full_disk_is_503(services: Services, tmp_path: Path) -> None:
    """If the child has no room to write, the response is 503, not a refusal of the upload."""
    (tmp_path / RESULT).symlink_to("/dev/full")
    (tmp_path / "archive").write_bytes(zipped(pairs(1)))
    limits = limits_of(services.settings)
    job = DecodeJob(archive=tmp_path / "archive", files=(), schema_text=None, limits=limits)
    with pytest.raises(Unavailable, match="disk is full"):
        services.decoder.run(job, tmp_path)
