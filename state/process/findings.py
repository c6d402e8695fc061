"""What the doctor found: one finding for each check. A worker's process sends its own ones as JSON."""

from typing import Literal

from contracts.base import Model

Level = Literal["ok", "warning", "fault"]


class Finding(Model):
    """The result of one check: its subject, what was found, and what to do about a warning or a fault."""

    subject: str
    level: Level
    found: str
    mend: str = ""


def ok(subject: str, found: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(subject=subject, level="ok", found=found)


def warning(subject: str, found: str, mend: str) -> Finding:
    """Return a finding that the service can live with."""
    return Finding(subject=subject, level="warning", found=found, mend=mend)


def fault(subject: str, found: str, mend: str) -> Finding:
    """Return a finding with which the service does not work."""
    return Finding(subject=subject, level="fault", found=found, mend=mend)
