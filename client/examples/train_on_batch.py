"""Train on a downloaded batch, and continue after an interruption: `python train_on_batch.py DIR [STATE]`.

Kill it and run it again with the same STATE: it loses at most ten steps, and no sample is used twice in an epoch.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from handsoff_client.torch import HandsOffDataset

STEPS_PER_SAVE = 10


def train(folder: Path, state: Path, *, num_steps: int, num_workers: int = 2) -> list[float]:
    """Train a toy segmenter for some steps, over several epochs if needed. Return the losses."""
    data = HandsOffDataset(folder, batch_size=8, fields=("image", "mask"), seed=1)
    num_classes = len(data.source.labels.classes)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, num_classes, 1)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    stateful: dict[str, Any] = {"network": network, "optimizer": optimizer, "data": data}
    if state.exists():
        saved = torch.load(state, weights_only=True)
        for name, part in stateful.items():
            part.load_state_dict(saved[name])
    losses: list[float] = []
    loader = data.loader(num_workers=num_workers)
    while len(losses) < num_steps:
        for batch in loader:
            loss = F.cross_entropy(
                network(batch["image"] / 255), batch["mask"], ignore_index=data.ignore_index
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            is_last = len(losses) == num_steps
            if is_last or len(losses) % STEPS_PER_SAVE == 0:
                partial = state.with_suffix(".part")  # a kill during the write keeps the old state
                torch.save({name: part.state_dict() for name, part in stateful.items()}, partial)
                partial.replace(state)
            if is_last:
                break
    return losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a downloaded batch")
    parser.add_argument(
        "state", type=Path, nargs="?", default=Path("state.pt"), help="file to continue from"
    )
    arguments = parser.parse_args()
    losses = train(arguments.folder, arguments.state, num_steps=100)
    print(f"loss {losses[0]:.3f} => {losses[-1]:.3f}; the state is in {arguments.state}")
