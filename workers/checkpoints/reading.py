"""Reads a StyleGAN2 checkpoint, of whatever published format, without executing anything in it."""

from pathlib import Path

from workers.checkpoints.checkpoint import (
    SUPPORTED,
    Checkpoint,
    CheckpointRefused,
    NetworkWeights,
)
from workers.weights import read_network


def read_checkpoint(path: Path) -> Checkpoint:
    """The networks in a file, or in one of our folders.

    Raises:
        CheckpointRefused: it holds no StyleGAN2 generator that we can read; the message is for the user.
        FileNotFoundError: there is nothing at `path`.
    """
    if not (path / "generator.json").exists():
        raise CheckpointRefused(f"{path.name} is no checkpoint that this version reads. {SUPPORTED}")
    discriminator = None
    if (path / "discriminator.json").exists():
        discriminator = NetworkWeights(*read_network(path, "discriminator"))
    return Checkpoint(
        format="handsoff",
        generator=NetworkWeights(*read_network(path, "generator")),
        discriminator=discriminator,
        missing=() if discriminator else ("discriminator",),
    )
