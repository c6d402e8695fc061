"""Asks the workers' own doctor about the device, in a process of its own: this one has no torch."""

import subprocess
import sys
from importlib.util import find_spec

from pydantic import TypeAdapter, ValidationError

from state.process.findings import Finding, fault, ok

TIMEOUT_SECONDS = 300
"""The first use of a GPU may compile its kernels for minutes."""

_FINDINGS = TypeAdapter(list[Finding])


def check_device() -> list[Finding]:
    """Return the findings of `python -m workers doctor`. Without torch, say where to run it."""
    if find_spec("torch") is None:
        text = "not checked: torch is not installed here; run `python -m workers doctor` where the workers run"
        return [ok("device", text)]
    command = [sys.executable, "-m", "workers", "doctor"]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
        return _FINDINGS.validate_json(done.stdout.strip().rpartition("\n")[2])
    except (subprocess.TimeoutExpired, ValidationError):
        mend = f"Run `{' '.join(command[1:])}` and read its error."
        return [fault("device", "the check of the device did not end", mend)]
