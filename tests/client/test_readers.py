"""One batch, many readers: webdataset and plain tarfile find the same pixels and the same labels as the client.

`tests/e2e/test_readers.py` has the same of a batch that a worker has rendered, and Hugging Face datasets.
"""

import runpy
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handsoff_client import BatchFolder, ShardReader, decode_sample
from handsoff_client.torch import HandsOffDataset
from tests.client.conftest import files_of

EXAMPLES = Path(__file__).resolve().parents[2] / "client" / "examples"

# webdataset opens shards by a name that it never closes; the warning is about its code.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create", "ignore:unclosed file:ResourceWarning"
)


def example(name: str) -> dict[str, Any]:
    """An example's functions."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_tarfile_reads_what_was_written(batch_of_14: BatchFolder) -> None:
    """Plain members under plain names."""
    with tarfile.open(batch_of_14.path_of(2)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        for extension, data in files_of(13).items():
            file = found[f"{13:09d}.{extension}"]
            assert file is not None
            assert file.read() == data


def test_webdataset_and_the_client_read_the_same(batch_of_14: BatchFolder) -> None:
    """Every pixel and every index, with the client's decoders."""
    pairs: Callable[[BatchFolder], Any] = example("train_with_webdataset")["pairs"]
    mine = HandsOffDataset(batch_of_14.folder, shuffle=False, rank=0, world_size=1)
    for (image, mask), sample in zip(pairs(batch_of_14), mine, strict=True):
        assert torch.equal(image, sample["image"])
        assert torch.equal(mask, sample["mask"])


def test_a_shard_reader_needs_no_torch(batch_of_14: BatchFolder) -> None:
    """NumPy arrays out of a tar, for whoever trains with something else."""
    reader = ShardReader(batch_of_14.path_of(0))
    images = np.stack([decode_sample(files).image for files in reader])
    assert images[:, 0, 0, 0].tolist() == list(range(6))
    reader.close()
