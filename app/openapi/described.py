"""The description of a field: one or two sentences and an example value."""

from typing import NamedTuple


class Described(NamedTuple):
    """The meaning of a field, and an example; None if its schema has the examples."""

    text: str
    example: object = None


Table = dict[str, Described]
"""By `field` in any schema, or by `Schema.field`, which has precedence."""

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MOMENT = "2026-01-31T12:00:00Z"


def example_id(noun: str) -> str:
    """Return an example id of a noun."""
    return f"{noun}_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"
