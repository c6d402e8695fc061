"""How numbers, times and sizes read on a page. Each function is a filter of the templates."""

from datetime import datetime

from contracts.base import now

_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_SHORT_CHARACTERS = 6
_EXACT_DB = 100
"""More than any picture of 8 bits can show."""


def ago(at: datetime) -> str:
    """Return how long ago a time is: `3 minutes ago`."""
    seconds = (now() - at).total_seconds()
    for size, name in _SPANS:
        count = int(seconds // size)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units: `3 min 20 s`."""
    if seconds is None:
        return "unknown"
    total = round(seconds)
    hours, minutes, rest = total // 3_600, total % 3_600 // 60, total % 60
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{rest} s" if total else f"{seconds:.1f} s"


def count(number: int) -> str:
    """Return a whole number with separators: `10,000`."""
    return f"{number:,}"


def size(num_bytes: float) -> str:
    """Return a number of bytes in the largest unit: `1.5 MiB`."""
    unit = 0
    while num_bytes >= 1024 and unit < len(_UNITS) - 1:
        num_bytes, unit = num_bytes / 1024, unit + 1
    return f"{num_bytes:.0f} bytes" if unit == 0 else f"{num_bytes:.1f} {_UNITS[unit]}"


def score(value: float | None, digits: int = 2) -> str:
    """Return a score with fixed digits, or a dash without one."""
    return "–" if value is None else f"{value:.{digits}f}"  # noqa: RUF001 - a dash for people


def plain(value: float) -> str:
    """Return a number with the digits that it needs: `0.5`, `20`."""
    return f"{value:.6g}"


def share(value: float) -> str:
    """Return a share in percent. A small share that is not zero keeps its digits."""
    percent = 100 * value
    if percent and abs(percent) < 1:
        return f"{percent:.2g}%"
    return f"{percent:.0f}%"


def decibels(psnr_db: float) -> str:
    """Return the quality of a reconstruction. Families without inversion reconstruct exactly."""
    return "exact" if psnr_db >= _EXACT_DB else f"{psnr_db:.1f} dB"


def short(item_id: str) -> str:
    """Return an id without its middle: the time and the random end tell ids apart."""
    prefix, _, rest = item_id.partition("_")
    if len(rest) <= 2 * _SHORT_CHARACTERS:
        return item_id
    return f"{prefix}_…{rest[-_SHORT_CHARACTERS:]}"


def words(name: str) -> str:
    """Return a name of the code as words: `label_seconds` is `label seconds`."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """Return a message of the code as a sentence: a capital at its start, a full stop at its end."""
    end = "" if text.endswith((".", "!", "?")) else "."
    return text[:1].upper() + text[1:] + end
