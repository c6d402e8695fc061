"""Shards and samples: every value that was written is read."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.schemas import LabelSchema
from handsoff_client import BatchFolder, InvalidInput, ShardReader, decode_sample
from handsoff_shards.members import split_name
from handsoff_shards.samples import decode_depth, decode_mask
from tests.client.conftest import LABELS, depth_of, files_of, mask_of, png
from workers.codecs.samples import Sample as WorkerSample


def test_a_sample_is_decoded_exactly() -> None:
    """Indices up to 255 out of a palette, depth of 16 bits, keypoints, uncertainty in nats, facts."""
    sample = decode_sample(files_of(3))
    assert sample.image.shape == (8, 8, 3)
    np.testing.assert_array_equal(sample.mask, mask_of(3))
    np.testing.assert_array_equal(sample.depth, depth_of(3))
    np.testing.assert_array_equal(sample.keypoints, [[1.5, 2.25, 2], [7.0, 0.5, 1]])
    np.testing.assert_array_equal(sample.confidence, [0.75, 0.5])
    assert sample.uncertainty is not None
    np.testing.assert_allclose(sample.uncertainty, 0.2)
    assert sample.facts["index"] == 3


def test_labels_that_are_not_there_are_none() -> None:
    """A batch of images alone."""
    sample = decode_sample({"png": files_of(0)["png"]})
    assert (sample.mask, sample.depth, sample.keypoints) == (None, None, None)


def test_a_grey_mask_is_as_good_as_one_with_a_palette() -> None:
    """The integers are the same."""
    np.testing.assert_array_equal(decode_mask(png(Image.fromarray(mask_of(1)))), mask_of(1))


@pytest.mark.parametrize(("decode", "mode"), [(decode_mask, "RGB"), (decode_depth, "L")])
def test_a_file_that_is_no_such_label_is_refused(decode: object, mode: str) -> None:
    """Rather than read as something that it is not."""
    assert callable(decode)
    with pytest.raises(InvalidInput, match=f"got {mode}"):
        decode(png(Image.new(mode, (2, 2))))


def test_a_sample_without_an_image_is_refused() -> None:
    """And the message says what there is."""
    with pytest.raises(InvalidInput, match=r"Expected an image .*got \['json'\]"):
        decode_sample({"json": b"{}"})


def test_a_shard_is_read_in_any_order(batch_of_14: BatchFolder) -> None:
    """By the offsets of the tar: the files are those that were written."""
    reader = ShardReader(batch_of_14.path_of(1))
    assert len(reader) == 6
    assert [dict(reader[place]) for place in (5, 0)] == [files_of(11), files_of(6)]
    reader.close()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("000000042.mask.png", ("000000042", "mask.png")),
        ("a.b/1.json", ("a.b/1", "json")),
        ("1", ("1", "")),
    ],
)
def test_the_first_dot_ends_the_key(name: str, split: tuple[str, str]) -> None:
    """As WebDataset has it: dots of folders do not count."""
    assert split_name(name) == split


def test_a_shard_that_is_cut_off_or_holds_a_link_is_refused(
    batch_of_14: BatchFolder, tmp_path: Path
) -> None:
    """It is no shard."""
    whole = batch_of_14.path_of(0).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        link = tarfile.TarInfo("0.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link, io.BytesIO())
    for name in ("cut.tar", "link.tar"):
        with pytest.raises(InvalidInput):
            ShardReader(tmp_path / name)


def test_a_batch_folder_is_whole_or_none(tmp_path: Path, batch_of_14: BatchFolder) -> None:
    """What has no batch.json is no downloaded batch, and says what makes one."""
    assert BatchFolder.open(batch_of_14.folder) == batch_of_14
    assert batch_of_14.num_samples == 14
    assert [sample.facts["index"] for sample in batch_of_14.samples()] == list(range(14))
    with pytest.raises(InvalidInput, match="handsoff download"):
        BatchFolder.open(tmp_path)


def test_what_a_worker_writes_is_read_as_it_was() -> None:
    """The service's own encoder and the client's decoders agree on every label."""
    labels = LabelSchema.model_validate(LABELS)
    points = np.array([[1.5, 2.25, 0.75], [7.0, 0.5, 0.5]], np.float32)
    written = WorkerSample(
        seed=7,
        index=3,
        attempt=0,
        image=np.full((8, 8, 3), 9, np.uint8),
        uncertainty=np.full((8, 8), 0.2, np.float32),
        score=0.5,
        task_scores={"segmentation": 0.5},
        mask=mask_of(3) % 3,
        points=points,
        visibility=np.array([2, 1], np.uint8),
        depth=depth_of(3).astype(np.float32) * np.float32(0.001),
    ).encode(labels, "png")
    read = decode_sample(written)
    np.testing.assert_array_equal(read.image, 9)
    np.testing.assert_array_equal(read.mask, mask_of(3) % 3)
    np.testing.assert_array_equal(read.keypoints, [[1.5, 2.25, 2], [7.0, 0.5, 1]])
    np.testing.assert_array_equal(read.confidence, points[:, 2])
    np.testing.assert_array_equal(read.depth, np.maximum(depth_of(3), 1))  # 0 means unknown
    assert read.uncertainty is not None
    np.testing.assert_allclose(read.uncertainty, 0.2)
