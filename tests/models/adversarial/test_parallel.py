"""Promises of training by several processes: they agree on gradients; alone nothing changes."""

from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn

from models.adversarial.parallel import average, average_gradients, num_processes


def join(rank: int, meeting: str, folder: str) -> None:
    """One of two processes: its gradient is its rank; what it holds after the average is written down."""
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    network = torch.nn.Linear(2, 1)
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, float(rank))
    average_gradients(network)
    gradients: list[Tensor | None] = [parameter.grad for parameter in network.parameters()]
    torch.save(gradients, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_hold_the_mean_of_their_gradients(tmp_path: Path) -> None:
    """0 and 1 make one half, in both."""
    meeting = f"file://{tmp_path / 'meeting'}"
    spawn(join, (meeting, str(tmp_path)), nprocs=2)
    for rank in (0, 1):
        weight, bias = torch.load(tmp_path / f"{rank}.pt")
        assert weight.eq(0.5).all()
        assert bias.eq(0.5).all()


def test_alone_nothing_changes() -> None:
    """Without a process group there is one process, and its numbers stand."""
    assert num_processes() == 1
    assert torch.equal(average(torch.tensor([3.0])), torch.tensor([3.0]))
