"""Read a shard without torch."""

import tarfile

import numpy as np

from handsoff_client import BatchFolder, ShardReader, decode_sample
from tests.client.conftest import files_of


def test_tarfile_reads_what_was_written(batch_of_14: BatchFolder) -> None:
    """Members are plain files."""
    with tarfile.open(batch_of_14.path_of(2)) as tar:
        members = {member.name: tar.extractfile(member) for member in tar}
        for extension, data in files_of(13).items():
            file = members[f"{13:09d}.{extension}"]
            assert file is not None
            assert file.read() == data


def test_a_shard_reader_needs_no_torch(batch_of_14: BatchFolder) -> None:
    """It gives NumPy arrays, for other training libraries."""
    reader = ShardReader(batch_of_14.path_of(0))
    images = np.stack([decode_sample(files).image for files in reader])
    assert images[:, 0, 0, 0].tolist() == list(range(6))
    reader.close()
