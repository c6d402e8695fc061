"""Writing shards: member names, layout and determinism of the tar."""

import hashlib
import io
import tarfile

import numpy as np

from handsoff_shards.members import Files
from handsoff_shards.writing import (
    ShardWriter,
    depth_steps,
    encode_facts,
    encode_keypoints,
    rounded,
    uncertainty_steps,
    with_ignored_color,
)


def tar_of(*samples: Files) -> bytes:
    """The bytes of a shard of samples 3, 4, ..."""
    target = io.BytesIO()
    with ShardWriter(target) as shard:
        for index, files in enumerate(samples, start=3):
            shard.add(index, files)
    return target.getvalue()


def facts(index: int) -> bytes:
    """The facts of a sample with masks."""
    return encode_facts(
        seed=7,
        index=index,
        attempt=1,
        score=0.25,
        scores={"segmentation": 0.25},
        class_fractions=rounded({"background": 2 / 3, "skin": 1 / 3}),
        depth={"unit": "m", "scale": 0.001, "unknown": 0},
    )


def test_a_shard_keeps_the_bytes_of_version_0_1_0() -> None:
    """The digest was computed with version 0.1.0: a stream that was begun with it continues with equal shards."""
    points = np.array([[1.25, 2.00049, 0.75], [7, 0.5, 1]], np.float32)
    keypoints = encode_keypoints(["left", "right"], points, np.array([2, 1], np.uint8))
    data = tar_of({"png": b"image", "keypoints.json": keypoints, "json": facts(3)}, {"jpg": b""})
    assert hashlib.sha256(data).hexdigest() == (
        "9472e170721af301641fdccdc363325a9f897f31ab3901b2fb2256a3a77d80f8"
    )


def test_a_shard_keeps_the_order_and_has_plain_members() -> None:
    """Regular files with mtime 0, in the order of the samples. The key is nine digits, so it holds no dot."""
    with tarfile.open(
        fileobj=io.BytesIO(tar_of({"png": b"a", "json": b"b"}, {"png": b"c"}))
    ) as tar:
        members = tar.getmembers()
    names = ["000000003.png", "000000003.json", "000000004.png"]
    assert [member.name for member in members] == names
    assert all(member.isfile() and member.mtime == 0 for member in members)


def test_depth_is_clipped_and_never_unknown() -> None:
    """A generated depth that equals the value for unknown moves by one step."""
    depth = np.array([[0, 1, 1e9]], np.float32)
    assert depth_steps(depth, 0.5, 0).tolist() == [[1, 2, 65535]]
    assert depth_steps(depth, 0.5, 65535).tolist() == [[0, 2, 65534]]
    assert depth_steps(depth, 0.5, None).tolist() == [[0, 2, 65535]]


def test_uncertainty_is_clipped_at_1_nat() -> None:
    """255 steps per nat."""
    assert uncertainty_steps(np.array([[0, 0.2, 3]], np.float32)).tolist() == [[0, 51, 255]]


def test_ignored_pixels_have_the_color_of_no_class() -> None:
    """A free color stays. A color of a class is replaced, also if 255 classes have all shades of gray but one."""
    palette = [value for row in range(256) for value in (row, row, row)]
    assert with_ignored_color(palette, 3, 255) == bytes(palette)
    palette[:3] = [255, 255, 255]
    changed = with_ignored_color(palette, 1, 255)
    assert changed[:-3] == bytes(palette[:-3])
    assert changed[-3:] == bytes([254, 254, 254])
    assert with_ignored_color(palette, 255, 255)[-3:] == bytes([0, 0, 0])
