"""The object store behind one small class: put, create, get, list, head, delete, sign.

Keys in, bytes and `ObjectInfo` out. The URL chooses `file://`, `memory://`, `s3://`, `gs://` or `az://`.
A put is atomic: a reader gets the old object or the new one, never a part.
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
    """The properties of an object, without its bytes."""

    key: str
    num_bytes: int
    modified_at: datetime
    etag: str | None


@dataclass(frozen=True)
class Store:
    """A bucket or a folder. Every method may raise `StoreUnavailable`; some also raise `FileNotFoundError`.

    `public` is the same bucket under the address that callers of the API use, if it differs from ours. `folder` holds
    the objects of a folder store: only this user may read them (folders 0700, files 0600, with any umask).
    """

    objects: ObjectStore
    public: ObjectStore | None = None
    folder: Path | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open `settings.store_url`. A folder is made if it is missing, and made private."""
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
        """Return a store in the memory of this process, for tests."""
        return cls(MemoryStore())

    def put(self, key: str, data: bytes | Path | IO[bytes]) -> None:
        """Write an object, or replace it. A file is sent in parts and never read as a whole."""
        with _converted(key), self._private(key):
            obstore.put(self.objects, key, data, chunk_size=_PUT_IN_PARTS_FROM)

    @contextmanager
    def sending(self, key: str) -> Iterator[Target]:
        """Write an object in parts, which are sent while the block writes to the target.

        The object exists when the block has ended. When the block fails, no object and no parts are left.
        """

        def send(pieces: Iterator[bytes]) -> None:
            obstore.put(
                self.objects, key, pieces, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )

        with _converted(key), self._private(key), sending(send) as target:
            yield target

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one. Returns whether it was written.

        Some S3 servers ignore the condition, so two creators at the same time may both get True. Callers therefore
        create only objects that are equal or equally valid, so the order does not matter.
        """
        if self.head(key) is not None:
            return False
        with _converted(key), self._private(key):
            try:
                obstore.put(self.objects, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def rename(self, key: str, new_key: str) -> None:
        """Move an object, and replace one under the new key. In a folder this is atomic and takes no space.

        Raises `FileNotFoundError` when there is no such object.
        """
        with _converted(key):
            obstore.rename(self.objects, key, new_key)

    def get(self, key: str) -> bytes:
        """Return the whole object. Raises `FileNotFoundError` when there is none."""
        with _converted(key):
            return bytes(obstore.get(self.objects, key).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`. Raises `FileNotFoundError` when there is no such object."""
        with _converted(key):
            return bytes(obstore.get_range(self.objects, key, start=start, length=length))

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the whole object piece by piece. Raises `FileNotFoundError` when there is none.

        Not by ranges: an S3 server may answer a range of the whole object with a plain 200, which obstore refuses.
        """
        with _converted(key):
            for chunk in obstore.get(self.objects, key).stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)

    def chunks(self, key: str, span: range) -> Iterator[bytes]:
        """Yield the bytes of a range piece by piece, so no object is in memory as a whole."""
        for start in range(span.start, span.stop, _CHUNK_BYTES):
            yield self.get_range(key, start, min(_CHUNK_BYTES, span.stop - start))

    def head(self, key: str) -> ObjectInfo | None:
        """Return the properties of an object, or None when there is none."""
        with _converted(key), suppress(FileNotFoundError):
            meta = obstore.head(self.objects, key)
            return ObjectInfo(key, meta["size"], meta["last_modified"], meta["e_tag"])
        return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below `prefix` (whole path segments), in any order, page by page."""
        with _converted(prefix):
            for page in obstore.list(self.objects, prefix):
                for meta in page:
                    yield ObjectInfo(
                        meta["path"], meta["size"], meta["last_modified"], meta["e_tag"]
                    )

    def children(self, prefix: str) -> tuple[str, ...]:
        """Return the folders directly below `prefix`, sorted."""
        with _converted(prefix):
            paths = obstore.list_with_delimiter(self.objects, prefix)["common_prefixes"]
        return tuple(sorted(path.rpartition("/")[2] for path in paths))

    def delete(self, key: str) -> None:
        """Remove an object. Does nothing when there is none."""
        with _converted(key), suppress(FileNotFoundError):
            obstore.delete(self.objects, key)

    def sign(
        self, key: str, expires_in: timedelta, method: Literal["GET", "PUT"] = "GET"
    ) -> str | None:
        """Return a link to read or write the object without credentials, or None: folders and memory cannot sign.

        A link to write accepts any bytes, any number of times: check them before use.
        """
        signing = self.public or self.objects  # a signature is valid for one address only
        if not isinstance(signing, S3Store | GCSStore | AzureStore):
            return None
        with _converted(key):
            return obstore.sign(signing, method, key, expires_in)

    @contextmanager
    def _private(self, key: str) -> Iterator[None]:
        """Make the file of the block private, in a folder store: its folders before the block, its mode after."""
        if self.folder is None:
            yield
            return
        path = self.folder / key
        try:
            make_private_parents(path, self.folder)
        except OSError as error:  # a full disk, most likely
            raise _unavailable(key, error) from error
        yield
        with suppress(OSError):  # deleted already, or the store of another user
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
def _converted(key: str) -> Iterator[None]:
    """Convert the errors of the store library into ours. A missing object stays `FileNotFoundError`."""
    try:
        yield
    except BaseError as error:
        raise _unavailable(key, error) from error


def _unavailable(key: str, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"The object store failed on '{key}' ({type(error).__name__}). Try again later;"
        " the operator finds the cause in the log."
    )
