"""Write to a terminal: messages go to standard error, and text from elsewhere cannot control the terminal."""

import sys


def write_message(text: str) -> None:
    """Write a message to standard error."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """Return the text without control characters: a name or a message may contain escape sequences."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text
    )
