"""File names of an upload: their normal form, system files that are ignored, and names that are refused.

macOS decomposes letters (NFD), other systems compose them (NFC): names are compared, stored and shown in NFC.
"""

import unicodedata

from app.decoding.refusal import Refused

_SYSTEM_FILES = {
    "__macosx",
    ".ds_store",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "$recycle.bin",
    "@eadir",
    "icon\r",
}
"""Files that file managers create, in lower case; `._NAME` beside a file is its resource fork on macOS."""
_STREAM_SUFFIX = ":zone.identifier"
"""Windows marks a downloaded file by a stream beside it, which WSL shows as the file `NAME:Zone.Identifier`."""
_JOINERS = "\u200c\u200d"
"""Invisible, but part of words in Persian and Hindi, and of emoji."""

_MAX_LENGTH = 1_000
_DOCUMENTS = ("README", "LICENSE", "LICENCE", "CHANGELOG", "CITATION", "NOTICE")
_DOCUMENT_SUFFIXES = (".md", ".rst", ".pdf", ".html")


def is_system_file(name: str) -> bool:
    """Return whether a file manager created the file; such files are ignored without a warning."""
    parts = name.casefold().split("/")
    return parts[-1].endswith(_STREAM_SUFFIX) or any(
        part in _SYSTEM_FILES or part.startswith("._") for part in parts
    )


def is_unrelated(name: str) -> bool:
    """Return whether the file cannot be an image, label or schema: hidden, a backup, in a tool's folder, a document."""
    *folders, last = name.split("/")
    if last.startswith("~$") or last.endswith("~"):
        return True
    if any(part.startswith(".") for part in (*folders, last)) or "__pycache__" in folders:
        return True
    is_document = last.upper().startswith(_DOCUMENTS) and not last.lower().endswith(
        (".png", ".jpg", ".jpeg", ".webp", ".npy", ".json")
    )
    return is_document or last.lower().endswith(_DOCUMENT_SUFFIXES)


def check_name(name: str) -> None:
    """Raise `Refused` for a name that points outside the upload, or cannot be shown or stored."""
    if any("\udc80" <= character <= "\udcff" for character in name):
        detail = "Expected a UTF-8 name, got other bytes. Rename the file, or create the archive on a UTF-8 system."
        raise Refused(name, detail)
    if len(name) > _MAX_LENGTH:
        detail = (
            f"Expected a name of at most {_MAX_LENGTH} characters, got {len(name)}. Shorten it."
        )
        raise Refused(name, detail)
    hidden = next((character for character in name if not _is_shown(character)), None)
    if hidden is not None:
        detail = f"Expected a name without invisible characters, got U+{ord(hidden):04X}. Rename the file."
        raise Refused(name, detail)
    parts = name.split("/")
    is_plain = "\\" not in name and ":" not in parts[0]
    if not is_plain or name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        detail = "Expected a plain relative path such as images/001.png, got another name. Rename the file."
        raise Refused(name, detail)


def _is_shown(character: str) -> bool:
    """Return whether a name may have the character. Spaces of any width may occur: macOS has one in screenshots."""
    is_space = unicodedata.category(character) == "Zs"
    return character.isprintable() or is_space or character in _JOINERS
