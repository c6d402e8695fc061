"""Reads untrusted text files: UTF-8, or the encoding of their byte order mark."""

import codecs
import json
from collections.abc import Sequence
from pathlib import Path

from app.decoding.refusal import Refused

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_COMPRESSED = {b"\x1f\x8b": "gzip data", b"PK\x03\x04": "a zip", b"(\xb5/\xfd": "Zstandard data"}


def read_text(path: Path, name: str, max_bytes: int, advice: str) -> str:
    """Return the text of a file. Raises `Refused` if it is too large (with `advice`), compressed, or not UTF-8."""
    num_bytes = path.stat().st_size
    if num_bytes > max_bytes:
        raise Refused(name, f"Expected at most {max_bytes} bytes, got {num_bytes}. {advice}")
    data = path.read_bytes()
    packed = next((kind for magic, kind in _COMPRESSED.items() if data.startswith(magic)), None)
    if packed is not None:
        raise Refused(name, f"Expected text, got {packed}. Unpack the file.")
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"Expected UTF-8 text, got byte 0x{data[error.start]:02x} at position {error.start}. Save it as UTF-8."
        raise Refused(name, detail) from error


def check_unique_fields(text: str) -> None:
    """Raise `ValueError` if an object of a JSON text has a field twice: it does not say which one counts.

    The parsers keep the last one. Call this after a parser that bounds the depth, which `json` does not.
    """
    json.loads(text, object_pairs_hook=_check_unique, parse_int=str, parse_float=str)


def _check_unique(pairs: Sequence[tuple[str, object]]) -> None:
    """Raise `ValueError` for a repeated field. The object itself is not kept, which saves memory."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(
                f"Expected every field once, got '{name[:64]}' twice in one object. Keep one of them."
            )
        seen.add(name)
