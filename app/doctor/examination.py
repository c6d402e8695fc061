"""`python -m app doctor`: examines settings, Redis, processes, store, disks, clocks and device."""

import sys
from collections.abc import Sequence

from app.doctor.device import check_device
from app.doctor.environment import read_settings
from app.doctor.redis_checks import check_redis
from app.doctor.store_checks import check_disks, check_store
from state.process.findings import Finding
from state.settings import Settings


def main() -> int:
    """Print all findings. Return 1 if there is a fault."""
    settings, findings = read_settings()
    if settings is not None:
        findings += examine(settings)
    sys.stdout.write(f"{table(findings)}\n")
    return int(any(one.level == "fault" for one in findings))


def table(findings: Sequence[Finding]) -> str:
    """Return a line for each finding, with the mend below, and a last line with the counts."""
    lines = []
    for one in findings:
        lines.append(f"{one.level:<8} {one.subject:<10} {one.found}")
        if one.mend:
            lines.append(f"{'':<19} -> {one.mend}")
    faults, warnings = (
        sum(one.level == level for one in findings) for level in ("fault", "warning")
    )
    return "\n".join([*lines, f"faults: {faults}, warnings: {warnings}"])


def examine(settings: Settings) -> list[Finding]:
    """Return the findings of all checks that need valid settings."""
    stored = check_store(settings)
    # A store that cannot be opened has no disk to ask for.
    disks = [] if stored[0].level == "fault" else check_disks(settings)
    return [*check_redis(settings), *stored, *disks, *check_device()]
