"""Text for a terminal: messages go to standard error, and nothing that others wrote can steer the terminal."""

import sys


def tell(text: str) -> None:
    """Write a message for a person."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """Text without control characters: a name or a message from elsewhere may hold escape sequences."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text
    )
