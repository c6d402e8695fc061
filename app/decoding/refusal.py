"""How a file is refused, and how an upload is taken with a warning: which file, what was found, what to do.

Every text from a library or from the upload passes through here, so each message is short and printable.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from app.messages import shortened
from contracts.errors.tree import Flaw
from contracts.labelsets import LabelsetWarning, WarningCode

_MAX_DETAIL = 500
_MAX_NAME = 200
_MAX_REASON = 120
_MAX_FILES = 20


class Refused(Exception):
    """A file that cannot be taken as it is. `file` is None when the upload as a whole is meant.

    `pointer` names a field of the form instead of a file.
    """

    def __init__(self, file: str | None, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.file = None if file is None else shortened(file, _MAX_NAME)
        self.detail = shortened(detail, _MAX_DETAIL)
        self.pointer = pointer

    @property
    def flaw(self) -> Flaw:
        """The same as the caller will read it."""
        return Flaw(file=self.file, detail=self.detail, pointer=self.pointer)


class Notices:
    """Collects the warnings of one upload. The same code and sentence about several files is one warning."""

    def __init__(self) -> None:
        self._files: dict[tuple[WarningCode, str], list[str]] = {}

    def add(self, code: WarningCode, detail: str, *files: str) -> None:
        """Add a warning about these files."""
        known = self._files.setdefault((code, shortened(detail, _MAX_DETAIL)), [])
        known.extend(name for name in (shortened(f, _MAX_NAME) for f in files) if name not in known)

    @property
    def warnings(self) -> tuple[LabelsetWarning, ...]:
        """All warnings in the order of their first file, each with at most 20 file names."""
        return tuple(
            LabelsetWarning(
                code=code, detail=detail, num_files=len(files), files=tuple(files[:_MAX_FILES])
            )
            for (code, detail), files in self._files.items()
        )


@contextmanager
def reading(name: str, kind: str) -> Iterator[None]:
    """Turn whatever a library raises while it reads one file into a refusal that names the file.

    A full disk is the server's fault and passes through.
    """
    try:
        yield
    except Refused:
        raise
    except MemoryError as error:
        detail = f"Reading it as {kind} takes more memory than is allowed. Send a smaller file."
        raise Refused(name, detail) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        detail = f"It is not readable as {kind}: {reason(error)}. Save it again."
        raise Refused(name, detail) from error


def reason(error: Exception) -> str:
    """What a library said, in one short printable line."""
    said = shortened(str(error).strip().partition("\n")[0], _MAX_REASON).rstrip(".")
    return said or "it is damaged"
