"""The preparing child turns an archive into an array within limits, and reports what it finds."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.errors.jobs import InvalidImages
from contracts.generators.training import TrainingOptions
from state.settings import Settings
from tests.workers.training.image_archives import image_file, image_files, zipped
from workers.training.images.preparing import ARRAY, Prepared, prepare


def prepared(
    folder: Path, archive: bytes, settings: Settings, options: dict[str, Any] | None = None
) -> Prepared:
    """Prepare an archive for a training at 16 px, in steps of 8 px."""
    path = folder / "archive"
    path.write_bytes(archive)
    return prepare(
        path,
        TrainingOptions.model_validate(options or {"px": 16}),
        settings,
        size_factor=8,
        on_progress=lambda _stage, _done, _total: None,
    )


def test_images_become_an_array(tmp_path: Path, settings: Settings) -> None:
    """In order of their names; the archive and the unpacked files are deleted."""
    facts = prepared(tmp_path, zipped(image_files()), settings)
    array = np.load(tmp_path / ARRAY)
    assert array.shape == (12, 16, 16, 3)
    assert array.dtype == np.uint8
    assert (facts.num_images, facts.height_px, facts.width_px, facts.is_grey) == (12, 16, 16, False)
    assert any("12 images are few" in warning for warning in facts.warnings)
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {"archive", "unpacked"}


def test_grey_images_take_one_channel(tmp_path: Path, settings: Settings) -> None:
    """The array is a third as large."""
    assert prepared(tmp_path, zipped(image_files(grey=True)), settings).is_grey
    assert np.load(tmp_path / ARRAY).shape == (12, 16, 16, 1)


def test_the_shorter_side_follows_the_images(tmp_path: Path, settings: Settings) -> None:
    """Images of 32 x 16 px train at 16 x 8 px."""
    files = {f"{k}.png": image_file(k, (32, 16)) for k in range(12)}
    facts = prepared(tmp_path, zipped(files), settings)
    assert (facts.height_px, facts.width_px) == (16, 8)


LIMITED: dict[str, tuple[dict[str, Any], str]] = {
    "pixels of an image": ({"max_image_pixels": 100}, "images/00.png"),
    "images": ({"max_training_images": 11}, "at most 11 images"),
    "bytes": ({"max_training_bytes": 8_000}, "at most 8,000 bytes"),
    "time": ({"training_decode_cpu": timedelta(0)}, "HANDSOFF_TRAINING_DECODE_CPU"),
}


@pytest.mark.parametrize("case", LIMITED)
def test_every_limit_is_enforced(tmp_path: Path, settings: Settings, case: str) -> None:
    """The message names the limit or the file."""
    changes, message = LIMITED[case]
    with pytest.raises(InvalidImages, match=message):
        prepared(tmp_path, zipped(image_files()), settings.model_copy(update=changes))


REFUSED: dict[str, tuple[dict[str, bytes], dict[str, Any], str]] = {
    "too few images": (image_files(9), {"px": 16}, "at least 10 images, got 9"),
    "a damaged image": ({**image_files(), "bad.png": b"x"}, {"px": 16}, ": bad.png cannot be read"),
    "a size that the family lacks": (image_files(), {"px": [16, 12]}, "multiples of 8, got 16x12"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_images_are_refused(tmp_path: Path, settings: Settings, case: str) -> None:
    """The message says what was expected, what was found, and what to do."""
    files, options, message = REFUSED[case]
    with pytest.raises(InvalidImages, match=message):
        prepared(tmp_path, zipped(files), settings, options)
