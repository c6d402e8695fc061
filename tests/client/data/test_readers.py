"""Two readers of one batch: webdataset reads the same pixels and labels as the client.

`tests/e2e/test_readers.py` does the same with a batch of a worker, and with Hugging Face datasets.
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

# webdataset does not close the shards that it opens.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create", "ignore:unclosed file:ResourceWarning"
)


def example(name: str) -> dict[str, Any]:
    """Return the functions of an example."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_webdataset_and_the_client_read_the_same(batch_of_14: BatchFolder) -> None:
    """The decoders of the client give the same pixels and indices."""
    pairs: Callable[[BatchFolder], Any] = example("train_with_webdataset")["pairs"]
    samples = HandsOffDataset(batch_of_14.folder, shuffle=False, rank=0, world_size=1)
    for (image, mask), sample in zip(pairs(batch_of_14), samples, strict=True):
        assert torch.equal(image, sample["image"])
        assert torch.equal(mask, sample["mask"])
