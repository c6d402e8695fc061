"""Tables and numbers of Markdown, for dataset cards."""

from collections.abc import Iterable

from workers.codecs.task import Row


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a table with a head."""
    return "\n".join([_line(head), _line(["---"] * len(head)), *map(_line, rows)])


def share(part: int, whole: int) -> str:
    """Return a part of a whole in percent."""
    return f"{part / whole:.1%}"


def number(value: float | None) -> str:
    """Return a measure with three digits."""
    return "none" if value is None else f"{value:.3g}"


def _line(cells: Row) -> str:
    """Return a row. Names come from users: a bar would end the cell, and a line break the row."""
    texts = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"
