"""Untrusted images: each readable one is decoded, each other one has a reason, and no file stops the others."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.errors.jobs import InvalidImages
from state.settings import MiB, Settings
from tests.app.uploading import encode
from tests.workers.labeling.labeling_scene import picture
from tests.workers.training.image_archives import zipped
from workers.labeling import reading
from workers.labeling.originals import Placed
from workers.labeling.reading import ReadImages, read_images, unpack_images
from workers.labeling.reading_child import read_one
from workers.labeling.reading_tasks import UNPACKED, ReadTask

PX = (8, 8)


def ignore() -> None:
    """Wait for a child without doing anything."""


def read(folder: Path, files: dict[str, bytes], settings: Settings | None = None) -> ReadImages:
    """Decode files as the second part of an archive."""
    for name, data in files.items():
        path = folder / UNPACKED / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return read_images(
        folder,
        sorted(files),
        first=10,
        px=PX,
        aspect="crop",
        settings=settings or Settings(),
        on_wait=ignore,
    )


def one(tmp_path: Path, data: bytes, max_pixels: int = 10_000) -> Placed | str:
    """Read one image in this process."""
    path = tmp_path / "image"
    path.write_bytes(data)
    return read_one(path, task(max_pixels))


def task(max_pixels: int) -> ReadTask:
    """Return a task without limits on memory and time."""
    return ReadTask(
        folder="",
        names=(),
        px=PX,
        aspect="crop",
        max_pixels=max_pixels,
        memory_bytes=0,
        cpu_seconds=0,
        cpu_seconds_per_image=0,
        file_bytes=0,
    )


def test_a_file_that_ends_the_child_costs_no_other_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child starts again after it; pixels that were half written are dropped."""
    monkeypatch.setattr(reading, "CHILD", "tests.workers.labeling.crashing_child")
    names = ("a.png", "crash1.png", "crash2.png", "d.png")
    files = {name: picture(index, PX) for index, name in enumerate(names)}
    result = read(tmp_path, files)
    assert [(each.index, each.name) for each in result.originals] == [(10, "a.png"), (13, "d.png")]
    assert [(each.index, each.name) for each in result.unreadable] == [
        (11, "crash1.png"),
        (12, "crash2.png"),
    ]
    assert "status 9 at this image" in result.unreadable[0].reason
    for pixels, name in zip(result.pixels, ("a.png", "d.png"), strict=True):
        assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(files[name]))))


def test_an_image_beyond_the_memory_is_named(tmp_path: Path) -> None:
    """The limit is that of the child, and the next image is read."""
    settings = Settings().model_copy(update={"decode_memory_bytes": 64 * MiB})
    large = encode(Image.new("RGB", (4_000, 4_000)))
    result = read(tmp_path, {"a.png": large, "b.png": picture(0, PX)}, settings)
    assert [each.name for each in result.originals] == ["b.png"]
    assert "more memory than the operator allows" in result.unreadable[0].reason


def turned() -> bytes:
    """A JPEG of 8 x 16 px that is stored lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(Image.new("RGB", (16, 8)), "JPEG", exif=exif)


def animation() -> bytes:
    """A WebP of two frames."""
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    return encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])


REFUSED = {
    "animation": (animation(), "expected a still image"),
    "transparent": (encode(Image.new("RGBA", (8, 8), (1, 2, 3, 4))), "expected an opaque image"),
    "too many pixels": (
        encode(Image.new("RGB", (101, 100))),
        "at most 10000 pixels, got 101 x 100",
    ),
    "another format": (encode(Image.new("RGB", (8, 8)), "GIF"), "PNG, JPEG or WebP"),
    "cut off": (picture(0)[:100], "cannot be read"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refused_image_has_a_reason(tmp_path: Path, data: bytes, message: str) -> None:
    """What was expected and found, without the worker's paths."""
    reason = one(tmp_path, data)
    assert isinstance(reason, str)
    assert message in reason
    assert str(tmp_path) not in reason


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (turned(), (8, 16)),
        (encode(Image.new("RGBA", (8, 8), (1, 2, 3, 255))), (8, 8)),
        (encode(Image.new("I;16", (8, 8), 65_535)), (8, 8)),
        (encode(Image.new("L", (8, 8))), (8, 8)),
    ],
    ids=["EXIF orientation", "opaque alpha", "16 bits", "grey"],
)
def test_other_kinds_of_images_are_read(tmp_path: Path, data: bytes, size: tuple[int, int]) -> None:
    """Upright, as 8-bit RGB; the size is that of the upright image."""
    placed = one(tmp_path, data)
    assert isinstance(placed, Placed)
    assert (placed.size, placed.pixels.shape) == (size, (*PX, 3))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_labeling_images": 2}, "at most 2 images"),
        ({"max_labeling_bytes": 300}, "at most 300 bytes"),
    ],
)
def test_a_large_archive_is_refused(tmp_path: Path, limits: dict[str, int], message: str) -> None:
    """By the number of its images, and by their bytes together."""
    archive = tmp_path / "archive"
    archive.write_bytes(zipped({f"{index}.png": picture(index, PX) for index in range(3)}))
    settings = Settings().model_copy(update=limits)
    with pytest.raises(InvalidImages, match=message):
        unpack_images(archive, settings, ignore)


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    """The names are sorted; other files are counted; the archive is deleted."""
    archive = tmp_path / "archive"
    archive.write_bytes(zipped({"b/2.png": b"x", "b/1.jpg": b"y", "a.txt": b"z"}))
    result = unpack_images(archive, Settings(), ignore)
    assert (result.names, result.num_other_files) == (("b/1.jpg", "b/2.png"), 1)
    assert not archive.exists()
