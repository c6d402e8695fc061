"""Refusals of files, and warnings about accepted ones, each with the file and a message.

All texts from libraries or the upload pass through here, so every message is short and printable.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from app.messages import MAX_FLAW_CHARACTERS, shortened
from contracts.errors.tree import Flaw
from contracts.labelsets import LabelsetWarning, WarningCode

_MAX_NAME = 200
_MAX_REASON = 120
_MAX_FILES = 20


class Refused(Exception):
    """A file that is not valid. `file` is None for the upload as a whole; `pointer` names a form field instead."""

    def __init__(self, file: str | None, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.file = None if file is None else shortened(file, _MAX_NAME)
        self.detail = shortened(detail, MAX_FLAW_CHARACTERS)
        self.pointer = pointer

    @property
    def flaw(self) -> Flaw:
        """Return the refusal in the form of the API."""
        return Flaw(file=self.file, detail=self.detail, pointer=self.pointer)


class Notices:
    """Collects the warnings of one upload. Files with the same code and message share one warning."""

    def __init__(self) -> None:
        # names as keys: their order is kept, and a million of them are found at once
        self._files: dict[tuple[WarningCode, str], dict[str, None]] = {}

    def add(self, code: WarningCode, detail: str, *files: str) -> None:
        """Add a warning about these files."""
        names = self._files.setdefault((code, shortened(detail, MAX_FLAW_CHARACTERS)), {})
        names.update(dict.fromkeys(shortened(file, _MAX_NAME) for file in files))

    @property
    def warnings(self) -> tuple[LabelsetWarning, ...]:
        """Return all warnings in the order of their first file, each with at most 20 file names."""
        return tuple(
            LabelsetWarning(
                code=code,
                detail=detail,
                num_files=len(files),
                files=tuple(islice(files, _MAX_FILES)),
            )
            for (code, detail), files in self._files.items()
        )


@contextmanager
def refusing(file: str | None, *, on_memory: str, on_damage: str) -> Iterator[None]:
    """Turn any exception of a library into a refusal. `{reason}` in `on_damage` is the library's message.

    A full disk is not the upload's fault, so that error is raised unchanged.
    """
    try:
        yield
    except Refused:
        raise
    except MemoryError as error:
        raise Refused(file, on_memory) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise Refused(file, on_damage.format(reason=reason(error))) from error


@contextmanager
def reading(name: str, kind: str) -> Iterator[None]:
    """Refuse the file if a library fails while it reads the file as `kind`."""
    with refusing(
        name,
        on_memory=f"Reading the file as {kind} takes more memory than is allowed. Send a smaller file.",
        on_damage=f"Expected {kind}, got a file that cannot be read as such: {{reason}}. Save it again.",
    ):
        yield


def reason(error: Exception) -> str:
    """Return a library's message as one short printable line."""
    # Some libraries raise messages of several lines.
    message = shortened(str(error).strip().partition("\n")[0], _MAX_REASON).rstrip(".")
    return message or "it is damaged"
