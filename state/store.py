"""The object store behind one small class: put, create, get, list, head, delete, sign.

Keys in, bytes and `ObjectInfo` out. The URL chooses `file://`, `memory://`, `s3://`, `gs://` or `az://`.
A put is atomic: a reader gets the old object or the new one, never a part. It is also durable: once it returns, the
object survives a power failure, in a folder too.
"""

import shutil
from collections.abc import Iterable, Iterator
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
from state.leftovers.staging import discard_staged
from state.process.metrics import STORE_ERRORS
from state.process.private_files import make_private, make_private_parents, sync
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
    """Metadata of one object."""

    key: str
    num_bytes: int
    modified_at: datetime
    etag: str | None


@dataclass(frozen=True)
class Store:
    """A bucket or a folder. Every method may raise `StoreUnavailable`.

    `public` is the same bucket under the address that callers of the API use, where that address differs. `folder` is
    the path of a `file://` store: only this user may read it (folders 0700, files 0600, with any umask).
    """

    objects: ObjectStore
    public: ObjectStore | None = None
    folder: Path | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the store at `settings.store_url`. A missing folder is made; an existing one is made private."""
        url = settings.store_url
        if url.startswith("file://"):
            folder = Path(url2pathname(urlsplit(url).path))
            make_private(folder)
            return cls(LocalStore.from_url(url, automatic_cleanup=True), folder=folder)
        if url.startswith("s3://"):
            public = settings.store_public_endpoint
            return cls(
                _open_s3(settings, settings.store_endpoint),
                _open_s3(settings, public) if public else None,
            )
        return cls(obstore.store.from_url(url))

    @classmethod
    def in_memory(cls) -> Self:
        """Return a store in memory, for tests."""
        return cls(MemoryStore())

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        """Write an object and replace an existing one. A large file is sent in parts, never whole in memory."""
        with _translated_errors(key), self._private(key):
            obstore.put(self.objects, key, data, chunk_size=_PUT_IN_PARTS_FROM)

    @contextmanager
    def sending(self, key: str) -> Iterator[Target]:
        """Write an object in parts that are sent while the block writes them. It exists once the block has ended.

        When the block fails, neither the object nor its parts remain.
        """

        def send(pieces: Iterator[bytes]) -> None:
            obstore.put(
                self.objects, key, pieces, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )

        with _translated_errors(key), self._private(key), sending(send) as target:
            yield target

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless the key has one. Returns whether it was written.

        Some S3 servers ignore the condition, so two simultaneous creates may both return True and the last one stays.
        Callers therefore write only values of which either is correct.
        """
        if self.head(key) is not None:
            return False
        with _translated_errors(key), self._private(key):
            try:
                obstore.put(self.objects, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def rename(self, key: str, new_key: str) -> None:
        """Move an object and replace one under the new key. In a folder this is atomic and needs no space.

        Raises `FileNotFoundError` when there is no such object.
        """
        with _translated_errors(key):
            obstore.rename(self.objects, key, new_key)
        self._sync(new_key)
        self._sync(key)  # its folder: the old name is gone

    def copy(self, key: str, new_key: str) -> None:
        """Copy an object. In a folder both share their bytes (a hard link), so it needs no space.

        Raises `FileNotFoundError` when there is no such object.
        """
        with _translated_errors(key), self._private(new_key):
            obstore.copy(self.objects, key, new_key)

    def get(self, key: str) -> bytes:
        """Return the whole object. Raises `FileNotFoundError` when there is no such object."""
        with _translated_errors(key):
            return bytes(obstore.get(self.objects, key).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`. Raises `FileNotFoundError` when there is no such object."""
        with _translated_errors(key):
            return bytes(obstore.get_range(self.objects, key, start=start, length=length))

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the whole object in chunks. Raises `FileNotFoundError` when there is no such object.

        One GET without a range: some S3 servers answer a range of the whole object with 200, which obstore refuses.
        """
        with _translated_errors(key):
            for chunk in obstore.get(self.objects, key).stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)

    def chunks(self, key: str, requested: range) -> Iterator[bytes]:
        """Yield a range of bytes in chunks, so that the object is never whole in memory."""
        for start in range(requested.start, requested.stop, _CHUNK_BYTES):
            yield self.get_range(key, start, min(_CHUNK_BYTES, requested.stop - start))

    def head(self, key: str) -> ObjectInfo | None:
        """Return the metadata of an object, or None when there is no such object."""
        with _translated_errors(key), suppress(FileNotFoundError):
            meta = obstore.head(self.objects, key)
            return ObjectInfo(key, meta["size"], meta["last_modified"], meta["e_tag"])
        return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield all objects below `prefix` (whole path segments), in no particular order."""
        with _translated_errors(prefix):
            for page in obstore.list(self.objects, prefix):
                for meta in page:
                    yield ObjectInfo(
                        meta["path"], meta["size"], meta["last_modified"], meta["e_tag"]
                    )

    def children(self, prefix: str) -> tuple[str, ...]:
        """Return the sorted names of the folders directly below `prefix`."""
        with _translated_errors(prefix):
            folders = obstore.list_with_delimiter(self.objects, prefix)["common_prefixes"]
        return tuple(sorted(path.rpartition("/")[2] for path in folders))

    def delete(self, key: str) -> None:
        """Delete an object. Does nothing when there is no such object."""
        with _translated_errors(key), suppress(FileNotFoundError):
            obstore.delete(self.objects, key)

    def discard_unfinished(self, prefix: str, before: datetime | None = None) -> int:
        """Delete what killed processes have written of objects below `prefix`, and empty folders.

        With `before`, only files without a later write. Returns how many unfinished objects remain. A bucket keeps
        them: obstore cannot list or abort its uploads, so it needs a lifecycle rule.
        """
        if self.folder is None:
            return 0
        try:
            return discard_staged(self.folder / prefix, before)
        except OSError as error:
            raise _unavailable(prefix, error) from error

    def free_bytes(self) -> int | None:
        """Return the free space of the disk of a folder, for this user; None for a bucket."""
        if self.folder is None:
            return None
        try:
            return shutil.disk_usage(self.folder).free
        except OSError as error:
            raise _unavailable(str(self.folder), error) from error

    def sign(
        self, key: str, expires_in: timedelta, method: Literal["GET", "PUT"] = "GET"
    ) -> str | None:
        """Return a link to read or write the object without credentials, or None: folders and memory cannot sign.

        The holder of a PUT link may send any bytes, of any number: check them before use.
        """
        signing = self.public or self.objects  # a signature holds for one address only
        if not isinstance(signing, S3Store | GCSStore | AzureStore):
            return None
        with _translated_errors(key):
            return obstore.sign(signing, method, key, expires_in)

    @contextmanager
    def _private(self, key: str) -> Iterator[None]:
        """Make an object that the block writes to a folder private and durable.

        Its folders are made before the block. After it the file gets its mode, and file and names are on the disk.
        """
        if self.folder is None:
            yield
            return
        path = self.folder / key
        try:
            new_folders = make_private_parents(path, self.folder)
        except OSError as error:  # most likely a full disk
            raise _unavailable(key, error) from error
        yield
        with suppress(OSError):  # deleted since, or the store of another user
            path.chmod(0o600)
        self._sync(key, new_folders)

    def _sync(self, key: str, new_folders: Iterable[Path] = ()) -> None:
        """Write an object of a folder to the disk. Does nothing in a bucket, which does so itself."""
        if self.folder is None:
            return
        try:
            sync(self.folder / key, new_folders)
        except OSError as error:
            raise _unavailable(key, error) from error


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
def _translated_errors(key: str) -> Iterator[None]:
    """Turn the errors of obstore into `StoreUnavailable`. A missing object stays `FileNotFoundError`."""
    try:
        yield
    except BaseError as error:
        raise _unavailable(key, error) from error


def _unavailable(key: str, error: Exception) -> StoreUnavailable:
    STORE_ERRORS.labels(type(error).__name__).inc()
    return StoreUnavailable(
        f"The object store failed on '{key}' ({type(error).__name__}). Retry later;"
        " the cause is in the server's log."
    )
