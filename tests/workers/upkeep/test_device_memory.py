"""The memory budget of a process on a shared accelerator."""

import pytest
import torch

from workers.upkeep.device_memory import check_budget, limit_device_memory

GB = 1_000_000_000


def test_budgets_that_fit_are_accepted() -> None:
    """Four processes with 20 GB each on a device of 80 GB, of which 60 GB are taken."""
    check_budget(20 * GB, free_bytes=20 * GB, total_bytes=80 * GB, warm_bytes=4 * GB)


@pytest.mark.parametrize(
    ("budget", "free", "warm", "words"),
    [
        (90 * GB, 80 * GB, 4 * GB, "within the device's memory, which is 80.0 GB"),
        (40 * GB, 30 * GB, 4 * GB, "to be free on the device, got 30.0 of 80.0 GB"),
        (4 * GB, 80 * GB, 4 * GB, "HANDSOFF_MAX_WARM_BYTES"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(
    budget: int, free: int, warm: int, words: str
) -> None:
    """The worker does not start; the message says what to change."""
    with pytest.raises(ValueError, match="HANDSOFF_DEVICE_MEMORY_BYTES") as caught:
        check_budget(budget, free_bytes=free, total_bytes=80 * GB, warm_bytes=warm)
    assert words in str(caught.value)


def test_a_processor_has_no_budget() -> None:
    """One setting for all workers of a machine: those on the CPU ignore it."""
    limit_device_memory(torch.device("cpu"), 1, 4 * GB)
