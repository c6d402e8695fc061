"""How glibc hands memory to torch on the CPU: keep what was freed instead of returning it to the system at once.

By default every tensor of some megabytes is mapped and unmapped anew, and the page faults cost as much as the
arithmetic: a training step of the 64 px generator takes about half the time with this setting (benchmarks/LOG.md).
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
_KEEP_BYTES = 1 << 31


def keep_freed_memory() -> bool:
    """Apply the setting to this process, before its first tensor; False where the C library has no such knob."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP_BYTES - 1))
    return all(mallopt(knob, value) == 1 for knob, value in settings)
