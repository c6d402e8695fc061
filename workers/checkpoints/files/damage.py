"""Turn the errors that libraries raise for damaged files into refusals."""

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from workers.checkpoints.checkpoint import DOWNLOAD_AGAIN, CheckpointRefused

# Libraries raise these for damaged and unusual files. RuntimeError is not here: torch raises it when memory runs out.
DAMAGE_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, ValueError, TypeError, LookupError),
    *(AttributeError, ArithmeticError, RecursionError),
)


@contextmanager
def damage_refused(kind: str) -> Iterator[None]:
    """Turn an error of a library into a refusal that names the format the file was read as."""
    try:
        yield
    except CheckpointRefused:
        raise
    except DAMAGE_ERRORS as error:
        raise CheckpointRefused(
            f"it is not readable as {kind}: {str(error)[:120] or 'it is damaged'}",
            DOWNLOAD_AGAIN,
        ) from error
    except OSError as error:
        # Only EINVAL is the fault of the file: a seek to a position that no file has.
        if error.errno != errno.EINVAL:
            raise
        raise CheckpointRefused(
            f"it is not readable as {kind}: it points to a position outside the file"
        ) from error
