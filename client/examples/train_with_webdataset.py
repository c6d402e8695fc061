"""Train on a downloaded batch with plain webdataset: `python train_with_webdataset.py DIR`.

The decoders of the client decode the labels. The decoders of webdataset (`decode("pil")`, `"rgb8"`, `"l8"`) turn index
masks into RGB or other indices, and 16-bit depth into 8 bits.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
import webdataset  # type: ignore[import-untyped]  # it has no annotations
from torch import nn
from torch.nn import functional as F

from handsoff_client import BatchFolder, decode_image, decode_mask


def pairs(folder: BatchFolder) -> Any:  # noqa: ANN401 - webdataset is not annotated
    """Return images as uint8 CHW and masks as int64 HW, shard by shard."""
    shards = [str(folder.path_of(shard)) for shard in range(len(folder.index.shards))]
    return (
        webdataset.WebDataset(shards, shardshuffle=False)
        .to_tuple("png;jpg", "mask.png")
        .map_tuple(
            lambda data: torch.from_numpy(decode_image(data)).permute(2, 0, 1),
            lambda data: torch.from_numpy(decode_mask(data)).long(),
        )
    )


def train(folder: Path) -> list[float]:
    """Train a toy segmenter for one epoch. Return the losses."""
    batch = BatchFolder.open(folder)
    num_classes = len(batch.labels.classes)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, num_classes, 1)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses: list[float] = []
    for images, masks in torch.utils.data.DataLoader(pairs(batch), batch_size=8):
        loss = F.cross_entropy(network(images / 255), masks, ignore_index=batch.labels.ignore_index)
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
