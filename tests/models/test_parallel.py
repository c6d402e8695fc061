"""Promises of data-parallel training: processes agree on gradients; a single process changes nothing."""

from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn

from models.parallel import average, average_gradients, num_processes


def join(rank: int, rendezvous: str, folder: str) -> None:
    """Run one of two processes: its gradient is its rank; save the gradients after averaging."""
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    network = torch.nn.Linear(2, 1)
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, float(rank))
    average_gradients(network)
    gradients: list[Tensor | None] = [parameter.grad for parameter in network.parameters()]
    torch.save(gradients, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_hold_the_mean_of_their_gradients(tmp_path: Path) -> None:
    """The mean of 0 and 1 is one half, in both processes."""
    rendezvous = f"file://{tmp_path / 'rendezvous'}"
    spawn(join, (rendezvous, str(tmp_path)), nprocs=2)
    for rank in (0, 1):
        weight, bias = torch.load(tmp_path / f"{rank}.pt")
        assert weight.eq(0.5).all()
        assert bias.eq(0.5).all()


def test_a_single_process_keeps_its_numbers() -> None:
    """Without a process group there is one process, and its mean is its value."""
    assert num_processes() == 1
    assert torch.equal(average(torch.tensor([3.0])), torch.tensor([3.0]))
