"""What a description of a field is: one or two sentences, and a value that could stand there."""

from typing import NamedTuple


class Described(NamedTuple):
    """A field's meaning, and an example; None where the field's own schema shows everything."""

    text: str
    example: object = None


Table = dict[str, Described]
"""By `field`, wherever it stands, or by `Schema.field`, which wins."""

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MOMENT = "2026-01-31T12:00:00Z"


def example_id(noun: str) -> str:
    """Return an id of a noun as the service writes them."""
    return f"{noun}_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"
