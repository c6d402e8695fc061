"""Train on a downloaded batch with Hugging Face datasets, which reads the shards: `python train_with_datasets.py DIR`.

Its images have the stored values, so labels are exact: an index mask keeps its indices, depth keeps its 16 bits.
"""

import argparse
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]  # it has no annotations
import torch
from torch import nn
from torch.nn import functional as F

from handsoff_client import BatchFolder


def rows(folder: BatchFolder) -> Any:  # noqa: ANN401 - datasets is not annotated
    """Return one row per sample, read on demand. The columns have the names of the files: `png`, `mask.png`, `json`."""
    shards = [str(folder.path_of(shard)) for shard in range(len(folder.index.shards))]
    return datasets.load_dataset("webdataset", data_files=shards, split="train", streaming=True)


def pairs(folder: BatchFolder) -> Any:  # noqa: ANN401 - datasets is not annotated
    """Return rows of two tensors: `image` as uint8 CHW and `mask` as uint8 1HW."""
    samples = rows(folder)
    image = next(name for name in ("png", "jpg") if name in samples.column_names)
    pair = samples.select_columns([image, "mask.png"])
    return pair.rename_columns({image: "image", "mask.png": "mask"}).with_format("torch")


def train(folder: Path) -> list[float]:
    """Train a toy segmenter for one epoch. Return the losses."""
    batch = BatchFolder.open(folder)
    num_classes = len(batch.labels.classes)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, num_classes, 1)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses: list[float] = []
    for step in torch.utils.data.DataLoader(pairs(batch), batch_size=8):
        masks = step["mask"].squeeze(1).long()
        loss = F.cross_entropy(
            network(step["image"] / 255), masks, ignore_index=batch.labels.ignore_index
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a downloaded batch")
    losses = train(parser.parse_args().folder)
    print(f"loss {losses[0]:.3f} => {losses[-1]:.3f}")
