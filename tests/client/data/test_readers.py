"""One batch, two readers: webdataset finds the same pixels and the same labels as the client.

`tests/e2e/test_readers.py` has the same of a batch that a worker has rendered, and Hugging Face datasets.
"""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from handsoff_client import BatchFolder
from handsoff_client.torch import HandsOffDataset

EXAMPLES = Path(__file__).resolve().parents[3] / "client" / "examples"

# webdataset opens shards by a name that it never closes; the warning is about its code.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create", "ignore:unclosed file:ResourceWarning"
)


def example(name: str) -> dict[str, Any]:
    """An example's functions."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_webdataset_and_the_client_read_the_same(batch_of_14: BatchFolder) -> None:
    """Every pixel and every index, with the client's decoders."""
    pairs: Callable[[BatchFolder], Any] = example("train_with_webdataset")["pairs"]
    mine = HandsOffDataset(batch_of_14.folder, shuffle=False, rank=0, world_size=1)
    for (image, mask), sample in zip(pairs(batch_of_14), mine, strict=True):
        assert torch.equal(image, sample["image"])
        assert torch.equal(mask, sample["mask"])
