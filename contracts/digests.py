"""Digests: SHA-256 of bytes, and of a JSON value in one canonical spelling."""

import hashlib
import json
from pathlib import Path


def sha256_of(data: bytes) -> str:
    """The SHA-256 of `data` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: object) -> str:
    """The SHA-256 of a JSON value: keys sorted, no blanks, UTF-8. Equal values have equal digests."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256_of(text.encode())
