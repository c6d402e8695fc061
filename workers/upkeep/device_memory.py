"""The memory budget of one process on an accelerator that several processes share.

Without a budget, the process that asks last runs out of memory, whichever that is. With one, a process that needs more
than its own part halves its micro-batches, and the others are not disturbed.
"""

import torch

_GB = 1_000_000_000


def limit_device_memory(device: torch.device, budget_bytes: int | None, warm_bytes: int) -> None:
    """Keep this process within its budget. Without one, or on a CPU, nothing changes.

    `warm_bytes` is the memory for networks that stay loaded. Raises `ValueError` when the budget cannot be kept.
    """
    if budget_bytes is None or device.type != "cuda":
        return
    free, total = torch.cuda.mem_get_info(device)
    check_budget(budget_bytes, free_bytes=free, total_bytes=total, warm_bytes=warm_bytes)
    torch.cuda.set_per_process_memory_fraction(budget_bytes / total, device)


def check_budget(budget_bytes: int, *, free_bytes: int, total_bytes: int, warm_bytes: int) -> None:
    """Raise `ValueError` unless the device has the budget free, and warm networks leave room to compute."""
    budget = f"HANDSOFF_DEVICE_MEMORY_BYTES ({budget_bytes / _GB:.1f} GB)"
    if budget_bytes > total_bytes:
        raise ValueError(
            f"expected {budget} within the device's memory, which is {total_bytes / _GB:.1f} GB; divide that among the"
            " processes that share the device"
        )
    if budget_bytes > free_bytes:
        raise ValueError(
            f"expected {budget} to be free on the device, got {free_bytes / _GB:.1f} of {total_bytes / _GB:.1f} GB;"
            " give every process of the device a budget, stop other programs on it, or lower this one"
        )
    if warm_bytes >= budget_bytes:
        raise ValueError(
            f"expected HANDSOFF_MAX_WARM_BYTES ({warm_bytes / _GB:.1f} GB) below {budget}; lower it, so that memory for"
            " the computation remains"
        )
