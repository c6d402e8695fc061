"""A shard without torch: plain tar members, and NumPy arrays."""

import tarfile

import numpy as np

from handsoff_client import BatchFolder, ShardReader, decode_sample
from tests.client.conftest import files_of


def test_tarfile_reads_what_was_written(batch_of_14: BatchFolder) -> None:
    """Plain members under plain names."""
    with tarfile.open(batch_of_14.path_of(2)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        for extension, data in files_of(13).items():
            file = found[f"{13:09d}.{extension}"]
            assert file is not None
            assert file.read() == data


def test_a_shard_reader_needs_no_torch(batch_of_14: BatchFolder) -> None:
    """NumPy arrays out of a tar, for whoever trains with something else."""
    reader = ShardReader(batch_of_14.path_of(0))
    images = np.stack([decode_sample(files).image for files in reader])
    assert images[:, 0, 0, 0].tolist() == list(range(6))
    reader.close()
