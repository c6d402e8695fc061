"""Read samples: decoded values are the written values."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.schemas import LabelSchema
from handsoff_client import BatchFolder, InvalidInput, ShardReader, decode_sample
from handsoff_shards.decoding import decode_depth, decode_mask
from handsoff_shards.members import split_name
from handsoff_shards.tars import index_tar
from tests.client.conftest import LABELS, depth_of, files_of, mask_of, png
from workers.codecs.registry import TASKS
from workers.codecs.samples import Sample as WorkerSample


def test_a_sample_is_decoded_exactly() -> None:
    """Indices up to 255 from a palette, depth of 16 bits, keypoints, uncertainty in nats, facts."""
    sample = decode_sample(files_of(3))
    assert sample.image.shape == (8, 8, 3)
    np.testing.assert_array_equal(sample.mask, mask_of(3))
    np.testing.assert_array_equal(sample.depth, depth_of(3))
    np.testing.assert_array_equal(sample.keypoints, [[1.5, 2.25, 2], [7.0, 0.5, 1]])
    np.testing.assert_array_equal(sample.confidence, [0.75, 0.5])
    assert sample.uncertainty is not None
    np.testing.assert_allclose(sample.uncertainty, 0.2)
    assert sample.facts["index"] == 3


def test_missing_labels_are_none() -> None:
    """A batch may have only images."""
    sample = decode_sample({"png": files_of(0)["png"]})
    assert (sample.mask, sample.depth, sample.keypoints) == (None, None, None)


def test_a_grey_mask_is_read_like_a_palette_mask() -> None:
    """Both give the same integers."""
    np.testing.assert_array_equal(decode_mask(png(Image.fromarray(mask_of(1)))), mask_of(1))


@pytest.mark.parametrize(("decode", "mode"), [(decode_mask, "RGB"), (decode_depth, "L")])
def test_a_label_of_another_image_mode_is_refused(decode: object, mode: str) -> None:
    """It is not converted."""
    assert callable(decode)
    with pytest.raises(InvalidInput, match=f"got {mode}"):
        decode(png(Image.new(mode, (2, 2))))


def test_a_sample_without_an_image_is_refused() -> None:
    """The message lists the files."""
    with pytest.raises(InvalidInput, match=r"Expected an image .*got \['json'\]"):
        decode_sample({"json": b"{}"})


def test_a_shard_is_read_in_any_order(batch_of_14: BatchFolder) -> None:
    """The offsets in the tar give the written files."""
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
    """Dots of folders do not count, as in WebDataset."""
    assert split_name(name) == split


def test_a_truncated_shard_and_a_link_are_refused(batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """A shard has only complete plain files."""
    data = batch_of_14.path_of(0).read_bytes()
    image = index_tar(batch_of_14.path_of(0))[1].files["png"]
    (tmp_path / "cut.tar").write_bytes(data[: image.offset + image.num_bytes // 2])
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        link = tarfile.TarInfo("0.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link, io.BytesIO())
    for name in ("cut.tar", "link.tar"):
        with pytest.raises(InvalidInput):
            ShardReader(tmp_path / name)


def test_a_folder_without_index_is_refused(tmp_path: Path, batch_of_14: BatchFolder) -> None:
    """A downloaded batch has a batch.json. The message names the command for a download."""
    assert BatchFolder.open(batch_of_14.folder) == batch_of_14
    assert batch_of_14.num_samples == 14
    assert [sample.facts["index"] for sample in batch_of_14.samples()] == list(range(14))
    with pytest.raises(InvalidInput, match="handsoff download"):
        BatchFolder.open(tmp_path)


def test_the_reader_matches_the_writer() -> None:
    """The encoders of the worker and the decoders of the client agree on every label."""
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
        labels={
            "segmentation": {"mask": mask_of(3) % 3},
            "keypoints": {"points": points, "visibility": np.array([2, 1], np.uint8)},
            "depth": {"depth": depth_of(3).astype(np.float32) * np.float32(0.001)},
        },
    ).encode(TASKS, labels, "png")
    read = decode_sample(written)
    np.testing.assert_array_equal(read.image, 9)
    np.testing.assert_array_equal(read.mask, mask_of(3) % 3)
    np.testing.assert_array_equal(read.keypoints, [[1.5, 2.25, 2], [7.0, 0.5, 1]])
    np.testing.assert_array_equal(read.confidence, points[:, 2])
    np.testing.assert_array_equal(read.depth, np.maximum(depth_of(3), 1))  # 0 means unknown
    assert read.uncertainty is not None
    np.testing.assert_allclose(read.uncertainty, 0.2)
