"""The device that a worker chooses."""

import torch

from workers.runtime.machine import choose_device


def test_the_chosen_device_can_be_used() -> None:
    """A build of torch for CUDA takes the CPU on a machine without a GPU; `make network-check` has such a build."""
    assert float(torch.ones(2, device=choose_device("auto")).sum()) == 2
