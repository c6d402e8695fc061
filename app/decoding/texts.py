"""Reads text files that nobody trusts. A byte order mark says how the text is encoded; without one it is UTF-8."""

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
    """The text of a file. Raises `Refused` for one that is too large (with `advice`) or not UTF-8."""
    if path.stat().st_size > max_bytes:
        raise Refused(name, f"It is larger than {max_bytes} bytes. {advice}")
    data = path.read_bytes()
    encoding = next((known for mark, known in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"It is not UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}). Save it as UTF-8."
        raise Refused(name, detail) from error
