"""Peak memory of a process, for benchmarks that compare new processes."""

from pathlib import Path


def own_peak_bytes() -> int:
    """Return the peak resident memory of this process in bytes (`ru_maxrss` would include the parent's peak)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024
