"""The object store behind one small class: put, create, get, list, head, delete, sign.

Keys in, bytes and `ObjectInfo` out; `file://`, `memory://`, `s3://`, `gs://` and `az://`, by URL.
A put is atomic: a reader sees the old object or the new one, never half.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, Self, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, ObjectStore, S3Store

from contracts.errors.tree import StoreUnavailable
from state.private_files import make_private, make_private_parents
from state.sending import Target, sending
from state.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Config

_PUT_IN_PARTS_FROM = 64 * 1024 * 1024
_PART_BYTES = 16 * 1024 * 1024
_PARTS_AT_ONCE = 4
_CHUNK_BYTES = 4 * 1024 * 1024
_RETRY_FOR = timedelta(seconds=20)


@dataclass(frozen=True)
class ObjectInfo:
    """What the store knows of one object without reading it."""

    key: str
    num_bytes: int
    modified_at: datetime
    etag: str | None


@dataclass(frozen=True)
class Store:
    """A bucket or a folder. Every method may raise `StoreUnavailable`; a few say `FileNotFoundError`.

    `public` is the same bucket as callers of the API reach it, where that is another address than ours. `folder` is
    where a folder's objects lie: only this user may read them (folders 0700, files 0600, whatever the umask).
    """

    objects: ObjectStore
    public: ObjectStore | None = None
    folder: Path | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Opens `settings.store_url`; a folder that is not there is made, and one that others may read is closed."""
        url = settings.store_url
        if url.startswith("file://"):
            folder = Path(url2pathname(urlsplit(url).path))
            make_private(folder)
            return cls(LocalStore.from_url(url), folder=folder)
        if url.startswith("s3://"):
            public = settings.store_public_endpoint
            return cls(
                _open_s3(settings, settings.store_endpoint),
                _open_s3(settings, public) if public else None,
            )
        return cls(obstore.store.from_url(url))

    @classmethod
    def in_memory(cls) -> Self:
        """A store that lives as long as the process: for tests."""
        return cls(MemoryStore())

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        """Writes an object, whatever was there. A file is sent in parts and never read whole."""
        with _answering(key), self._private(key):
            obstore.put(self.objects, key, data, chunk_size=_PUT_IN_PARTS_FROM)

    @contextmanager
    def sending(self, key: str) -> Iterator[Target]:
        """Writes an object in parts that are sent while the block makes it. It is there when the block has ended.

        Where the block fails there is nothing, and no parts are left.
        """

        def send(pieces: Iterator[bytes]) -> None:
            obstore.put(
                self.objects, key, pieces, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )

        with _answering(key), self._private(key), sending(send) as target:
            yield target

    def create(self, key: str, data: bytes) -> bool:
        """Writes an object unless there is one; True when it was written.

        Not every S3 server honours the condition, so two creators at the same moment may both be told True.
        Callers therefore write only what is equal, or equally right, whoever comes last.
        """
        if self.head(key) is not None:
            return False
        with _answering(key), self._private(key):
            try:
                obstore.put(self.objects, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def rename(self, key: str, new_key: str) -> None:
        """Moves an object, whatever lay under the new key. In a folder this is atomic and takes no space.

        Raises `FileNotFoundError` when there is none.
        """
        with _answering(key):
            obstore.rename(self.objects, key, new_key)

    def get(self, key: str) -> bytes:
        """The whole object. Raises `FileNotFoundError` when there is none."""
        with _answering(key):
            return bytes(obstore.get(self.objects, key).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`. Raises `FileNotFoundError` when there is no such object."""
        with _answering(key):
            return bytes(obstore.get_range(self.objects, key, start=start, length=length))

    def stream(self, key: str) -> Iterator[bytes]:
        """The whole object piece by piece. Raises `FileNotFoundError` when there is none.

        Not by ranges: an S3 server may answer a range that is everything with a plain 200, which obstore refuses.
        """
        with _answering(key):
            for chunk in obstore.get(self.objects, key).stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)

    def chunks(self, key: str, wanted: range) -> Iterator[bytes]:
        """The bytes of a range piece by piece, so that no object is ever held whole."""
        for start in range(wanted.start, wanted.stop, _CHUNK_BYTES):
            yield self.get_range(key, start, min(_CHUNK_BYTES, wanted.stop - start))

    def head(self, key: str) -> ObjectInfo | None:
        """What is known of an object, or None when there is none."""
        with _answering(key), suppress(FileNotFoundError):
            meta = obstore.head(self.objects, key)
            return ObjectInfo(key, meta["size"], meta["last_modified"], meta["e_tag"])
        return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object below `prefix` (whole path segments), in no promised order, page by page."""
        with _answering(prefix):
            for page in obstore.list(self.objects, prefix):
                for meta in page:
                    yield ObjectInfo(
                        meta["path"], meta["size"], meta["last_modified"], meta["e_tag"]
                    )

    def children(self, prefix: str) -> tuple[str, ...]:
        """The names directly below `prefix` that have something below them, sorted."""
        with _answering(prefix):
            found = obstore.list_with_delimiter(self.objects, prefix)["common_prefixes"]
        return tuple(sorted(path.rpartition("/")[2] for path in found))

    def delete(self, key: str) -> None:
        """Removes an object; one that is not there is already removed."""
        with _answering(key), suppress(FileNotFoundError):
            obstore.delete(self.objects, key)

    def sign(
        self, key: str, expires_in: timedelta, method: Literal["GET", "PUT"] = "GET"
    ) -> str | None:
        """A link that anybody may read or write the object by, or None: folders and memory cannot sign.

        Whoever has a link to write by may send any number of any bytes: look before you believe.
        """
        signing = self.public or self.objects  # a signature holds for one address only
        if not isinstance(signing, S3Store | GCSStore | AzureStore):
            return None
        with _answering(key):
            return obstore.sign(signing, method, key, expires_in)

    @contextmanager
    def _private(self, key: str) -> Iterator[None]:
        """Keeps what the block writes in a folder for this user: the folders are made before, the file closed after."""
        if self.folder is None:
            yield
            return
        path = self.folder / key
        try:
            make_private_parents(path, self.folder)
        except OSError as error:  # a full disk, most likely
            raise _unavailable(key, error) from error
        yield
        with suppress(OSError):  # gone already, or another user's store
            path.chmod(0o600)


def _open_s3(settings: Settings, endpoint: str | None) -> S3Store:
    secret = settings.store_secret_access_key
    config = {
        "region": settings.store_region,
        "endpoint": endpoint,
        "access_key_id": settings.store_access_key_id,
        "secret_access_key": secret.get_secret_value() if secret else None,
    }
    return S3Store.from_url(
        settings.store_url,
        config=cast("S3Config", {name: value for name, value in config.items() if value}),
        client_options={"allow_http": settings.store_allow_http},
        retry_config={"max_retries": 4, "retry_timeout": _RETRY_FOR},
    )


@contextmanager
def _answering(key: str) -> Iterator[None]:
    """Turns the store library's own failures into ours; a missing object stays `FileNotFoundError`."""
    try:
        yield
    except BaseError as error:
        raise _unavailable(key, error) from error


def _unavailable(key: str, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"The object store failed on '{key}' ({type(error).__name__}). Try again later;"
        " the operator finds the cause in the log."
    )
