"""How much memory a process took at most: for benchmarks that compare fresh processes."""

from pathlib import Path


def own_peak_bytes() -> int:
    """Most memory this process ever held (`ru_maxrss` would start from the parent's)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024
