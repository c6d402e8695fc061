"""What file names of an upload mean: one spelling for each, litter that is passed over, names that are refused.

macOS decomposes letters (NFD), other systems compose them (NFC): names are compared, stored and shown composed.
"""

import unicodedata

from app.decoding.refusal import Refused

_LITTER = {
    "__MACOSX",
    ".DS_Store",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$RECYCLE.BIN",
    "@eaDir",
    "Icon\r",
}
"""What file managers leave in folders; `._NAME` beside a file is its resource fork on macOS."""

_MAX_LENGTH = 1_000
_DOCUMENTS = ("README", "LICENSE", "LICENCE", "CHANGELOG", "CITATION", "NOTICE")
_DOCUMENT_SUFFIXES = (".md", ".rst", ".pdf", ".html")


def composed(name: str) -> str:
    """The name in Unicode normalisation form C."""
    return unicodedata.normalize("NFC", name)


def is_litter(name: str) -> bool:
    """Whether a file manager left this file, so that nobody has to hear of it."""
    return any(part in _LITTER or part.startswith("._") for part in name.split("/"))


def is_stray(name: str) -> bool:
    """Whether the file is surely no image, label or schema: a hidden file, a folder of a tool, or a document."""
    *folders, last = name.split("/")
    if any(part.startswith(".") for part in (*folders, last)) or "__pycache__" in folders:
        return True
    is_document = last.upper().startswith(_DOCUMENTS) and not last.lower().endswith(
        (".png", ".jpg", ".jpeg", ".webp", ".npy", ".json")
    )
    return is_document or last.lower().endswith(_DOCUMENT_SUFFIXES)


def check_name(name: str) -> None:
    """Raises `Refused` for a name that points out of the upload, or that cannot be shown or stored."""
    if any("\udc80" <= character <= "\udcff" for character in name):
        detail = "The name is not UTF-8. Rename the file, or make the archive on a system that uses UTF-8."
        raise Refused(name, detail)
    if len(name) > _MAX_LENGTH:
        raise Refused(name, f"The name is longer than {_MAX_LENGTH} characters. Shorten it.")
    parts = name.split("/")
    is_plain = name.isprintable() and "\\" not in name and ":" not in parts[0]
    if not is_plain or name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        detail = "The name is not a plain relative path. Use names like images/001.png."
        raise Refused(name, detail)
