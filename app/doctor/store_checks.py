"""Checks of the store and of the disks: a written object can be read, listed and deleted, and there is space."""

import shutil
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app.doctor.redis_checks import check_clock
from contracts.errors.tree import StoreUnavailable
from contracts.ids import uuid7_hex
from state.process.findings import Finding, fault, ok, warning
from state.settings import Settings
from state.store import Store

PREFIX = "doctor"
DATA = b"written by the doctor of HandsOff"
GiB = 1024**3
LOW_BYTES = 10 * GiB
LINK_SECONDS = 10


def check_store(settings: Settings) -> list[Finding]:
    """Return the findings on the store: one object is written, read, listed, linked and deleted again."""
    url, key = settings.store_url, f"{PREFIX}/{uuid7_hex()}"
    try:
        store = Store.from_settings(settings)
        store.put(key, DATA)
        try:
            findings = [_reads_back(store, key, url), *_signs(store, key, settings)]
            info = store.head(key)
            if info is not None:
                findings.append(check_clock("the store", info.modified_at))
        finally:
            store.delete(key)
    except (StoreUnavailable, OSError, ValueError) as error:
        mend = "Check that it exists, that this process may write it, and that it has space."
        return [fault("store", f"{url} cannot be used ({error})", mend)]
    return findings


def check_disks(settings: Settings) -> list[Finding]:
    """Return the free space of a store in a folder, and of the folder for uploads that are being read."""
    folders = {Path(tempfile.gettempdir()): "temporary files"}
    if settings.store_url.startswith("file://"):
        folder = Store.from_settings(settings).folder
        assert folder is not None
        folders[folder] = "the store"
    least = settings.min_free_bytes
    return [check_disk(folder, purpose, least) for folder, purpose in folders.items()]


def check_disk(folder: Path, purpose: str, least_bytes: int) -> Finding:
    """Return the finding on the free space of one folder. Below `least_bytes` no work is accepted."""
    free = shutil.disk_usage(folder).free
    text = f"{free / GiB:.1f} GiB are free for {purpose} in {folder}"
    mend = "Free space, or move it to a larger disk. A batch of 10,000 pairs of 256 px takes about 2 GiB."
    if free < least_bytes:
        return fault("disk", text, mend)
    return warning("disk", text, mend) if free < LOW_BYTES else ok("disk", text)


def _reads_back(store: Store, key: str, url: str) -> Finding:
    listed = [info.key for info in store.list(PREFIX)]
    if store.get(key) != DATA or key not in listed:
        text = f"{url} does not return what was written"
        return fault("store", text, "Use a store with read-after-write consistency.")
    return ok("store", f"{url} can be written, read and listed")


def _signs(store: Store, key: str, settings: Settings) -> list[Finding]:
    """Follow a signed link as a caller of the API would. Stores that cannot sign have no finding."""
    link = store.sign(key, settings.link_ttl)
    if link is None:
        return []
    try:
        with urlopen(link, timeout=LINK_SECONDS) as answer:  # noqa: S310 - our own link
            is_right = answer.read() == DATA
    except (URLError, OSError) as error:
        text, mend = (
            f"a signed link cannot be read from here ({error})",
            "Correct HANDSOFF_STORE_PUBLIC_ENDPOINT.",
        )
        return [warning("store", text, mend)]
    if not is_right:
        text = "a signed link returns other bytes than were written"
        return [
            fault("store", text, "Correct HANDSOFF_STORE_PUBLIC_ENDPOINT: it is another store.")
        ]
    return [ok("store", "signed links work from this machine")]
