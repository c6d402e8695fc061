"""Reads untrusted text files: UTF-8, or the encoding of their byte order mark."""

import codecs
from pathlib import Path

from app.decoding.refusal import Refused

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, name: str, max_bytes: int, advice: str) -> str:
    """Return the text of a file. Raises `Refused` if it is too large (with `advice`) or not UTF-8."""
    num_bytes = path.stat().st_size
    if num_bytes > max_bytes:
        raise Refused(name, f"Expected at most {max_bytes} bytes, got {num_bytes}. {advice}")
    data = path.read_bytes()
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"Expected UTF-8 text, got byte 0x{data[error.start]:02x} at position {error.start}. Save it as UTF-8."
        raise Refused(name, detail) from error
