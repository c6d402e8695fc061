"""Several processes train one diffusion model: their weights stay equal, and all images count."""

from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from models.generators.diffusion.training import DiffusionTraining
from tests.models.generators.diffusion.test_training import CPU, OPTIONS, TINY


def join(rank: int, rendezvous: str, folder: str) -> None:
    """Run one of two processes: the same weights, but different images and random numbers; save the end."""
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    torch.manual_seed(0)
    training = DiffusionTraining(TINY, OPTIONS, CPU)
    torch.manual_seed(rank)
    training.step(torch.full((2, 3, 8, 16), float(rank)))
    torch.save(training.state_dict(), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """After a step both have the same new weights and averages, and have seen the images of both."""
    spawn(join, (f"file://{tmp_path / 'rendezvous'}", str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert (first["images_seen"], second["images_seen"]) == (4, 4)
    for part in ("unet", "average"):
        assert all(
            torch.equal(weights, second[part][name]) for name, weights in first[part].items()
        )
    torch.manual_seed(0)
    start = DiffusionTraining(TINY, OPTIONS, CPU).state_dict()["unet"]
    assert any(not torch.equal(weights, first["unet"][name]) for name, weights in start.items())
