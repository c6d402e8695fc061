"""Images for a training: crop, padding, grey, orientation, 16 bits."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workers.training.images.reading import Fit, Reading, image_paths, read_image
from workers.training.images.survey import EXIF_ORIENTATION, survey_folder
from workers.training.training_options import InputError


def write_halves(path: Path) -> Path:
    """Write an image of 8 x 16 px (height x width): a red left half, a blue right half."""
    pixels = np.zeros((8, 16, 3), dtype=np.uint8)
    pixels[:, :8, 0] = pixels[:, 8:, 2] = 255
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_both_fits_are_centered(fit: Fit, tmp_path: Path) -> None:
    """The border between the halves stays in the middle, and there is no border color."""
    path = write_halves(tmp_path / "a.png")
    pixels = read_image(path, Reading(image_px=(16, 8), fit=fit))
    assert pixels.shape == (16, 8, 3)
    assert (pixels[:, 0, 0] > 200).all()
    assert (pixels[:, -1, 2] > 200).all()


def test_an_image_of_the_right_size_is_not_resampled(tmp_path: Path) -> None:
    """Its pixels stay the same."""
    path = write_halves(tmp_path / "a.png")
    assert (read_image(path, Reading(image_px=(8, 16))) == np.asarray(Image.open(path))).all()


def test_grey_images_have_equal_channels(tmp_path: Path) -> None:
    """After scaling too, bit by bit; without scaling the values stay the same."""
    grey = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    Image.fromarray(grey).convert("RGB").save(tmp_path / "a.png")
    scaled = read_image(tmp_path / "a.png", Reading(image_px=(8, 4), is_grey=True))
    assert (scaled[..., :1] == scaled).all()
    pixels = read_image(tmp_path / "a.png", Reading(image_px=(16, 16), is_grey=True))
    assert (pixels == grey[:, :, None]).all()


def test_16_bits_become_8(tmp_path: Path) -> None:
    """The high byte is kept; values above 255 are not clipped."""
    Image.fromarray(np.full((8, 8), 100 * 256, dtype=np.uint16)).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png", Reading(image_px=(8, 8))) == 100).all()


def test_the_exif_orientation_is_applied(tmp_path: Path) -> None:
    """A photo that a camera stored on its side is upright in the survey and in the batches."""
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    for index in range(10):
        Image.new("RGB", (32, 16)).save(tmp_path / f"{index}.jpg", exif=exif)
    assert set(survey_folder(sorted(tmp_path.iterdir())).sizes) == {(32, 16)}
    assert read_image(tmp_path / "0.jpg", Reading(image_px=(32, 16))).shape == (32, 16, 3)


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    """Pillow raises errors of many types: a damaged tag of the orientation is a `struct.error`."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[EXIF_ORIENTATION], exif[0x010E] = 6, "a description"
    Image.new("RGB", (16, 16)).save(file, "JPEG", exif=exif)
    data = bytearray(file.getvalue())
    data[data.index(b"MM\0*") + 11] = 2  # the first tag's number
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.jpg cannot be read"):
        read_image(path, Reading(image_px=(8, 8)))


def test_folders_are_not_images(tmp_path: Path) -> None:
    """A folder may be called like an image."""
    (tmp_path / "a.png").mkdir()
    path = write_halves(tmp_path / "a.png" / "b.png")
    assert image_paths(tmp_path) == [path]
