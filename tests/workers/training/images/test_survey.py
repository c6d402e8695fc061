"""The survey of a training folder: facts, the choice of size, warnings, and refused folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workers.training.images.reading import Reading, image_paths
from workers.training.images.survey import FolderSurvey, choose_px, fit_line, survey_folder
from workers.training.training_options import InputError


def write(
    folder: Path, count: int = 12, *, px: tuple[int, int] = (16, 8), grey: bool = False
) -> None:
    """Write random images of one size (height, width)."""
    rng = np.random.default_rng(0)
    shape = px if grey else (*px, 3)
    for index in range(count):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:02d}.png")


def survey(folder: Path) -> FolderSurvey:
    """Survey the images of a folder."""
    return survey_folder(image_paths(folder))


def test_the_facts_are_number_size_colors_and_duplicates(tmp_path: Path) -> None:
    """A copy and a slightly brighter copy have the average hash of their original."""
    write(tmp_path)
    first = Image.open(tmp_path / "00.png")
    first.save(tmp_path / "copy.png")
    Image.fromarray(np.asarray(first) // 2).save(tmp_path / "darker.png")
    assert survey(tmp_path).facts() == [
        "14 images, all of 16x8 px (height x width)",
        "all have color",
        "near-duplicates (equal 8x8 average hash): 2 (14.3%)",
    ]


def test_a_grey_folder_is_one_whose_images_all_are_grey(tmp_path: Path) -> None:
    """An RGB file with equal channels is grey; one image with color ends it, and is named."""
    write(tmp_path, grey=True)
    Image.open(tmp_path / "00.png").convert("RGB").save(tmp_path / "rgb.png")
    assert survey(tmp_path).is_grey
    Image.new("RGB", (8, 16), (1, 2, 3)).save(tmp_path / "color.png")
    mixed = survey(tmp_path)
    assert not mixed.is_grey
    assert "13 are grey, the others have color (the first is" in mixed.facts()[1]
    assert "color.png" in mixed.facts()[1]


def test_sizes_that_differ_are_listed_and_need_px(tmp_path: Path) -> None:
    """The error contains the smallest and largest size and the remedy."""
    write(tmp_path)
    Image.new("RGB", (40, 40)).save(tmp_path / "large.png")
    with pytest.raises(InputError, match=r"from 16x8 to 40x40 px, median 16x8 px; .*; pass --px"):
        choose_px(survey(tmp_path), None, 4)


@pytest.mark.parametrize(
    ("requested", "expected"),
    [(None, (16, 8)), ((32, 16), (32, 16)), ((64,), (64, 32)), ((4,), (4, 4))],
)
def test_one_number_is_the_longer_side(
    requested: tuple[int, ...] | None, expected: tuple[int, int], tmp_path: Path
) -> None:
    """The shorter side follows the aspect ratio of the folder, in multiples of the factor 4."""
    write(tmp_path)
    assert choose_px(survey(tmp_path), requested, 4) == expected


def test_a_folder_of_wide_images_gives_a_wide_size(tmp_path: Path) -> None:
    """The longer side is the width."""
    write(tmp_path, px=(9, 16))
    assert choose_px(survey(tmp_path), (64,), 16) == (32, 64)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (Reading(image_px=(16, 8)), "trained as they are, at 16x8 px (height x width)"),
        (Reading(image_px=(32, 16)), "scaled to 32x16 px (height x width)"),
        (
            Reading(image_px=(8, 8)),
            "scaled and cropped to 8x8 px (height x width): cuts off 50% of an image in the median, 50% at most",
        ),
        (
            Reading(image_px=(8, 8), fit="pad"),
            "scaled and padded to 8x8 px (height x width): the border takes 50% of an image in the median, 50% at most",
        ),
    ],
)
def test_the_fit_is_described(reading: Reading, expected: str, tmp_path: Path) -> None:
    """The line says how much of an image a crop loses, or a border takes."""
    write(tmp_path)
    assert fit_line(survey(tmp_path), reading) == expected


def test_small_and_unsuitable_folders_are_warned_about(tmp_path: Path) -> None:
    """Few images, no augmentation, another aspect ratio and enlarged images each give a sentence."""
    write(tmp_path)
    warnings = survey(tmp_path).warnings(Reading(image_px=(32, 32)), augment=False)
    assert [sentence.split()[0:3] for sentence in warnings] == [
        ["12", "images", "are"],
        ["below", "10,000", "images"],
        ["the", "images", "do"],
        ["most", "images", "are"],
    ]
    assert len(survey(tmp_path).warnings(Reading(image_px=(16, 8)), augment=True)) == 1


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    """The message says how many are needed."""
    write(tmp_path, 3)
    with pytest.raises(InputError, match="expected at least 10 images, got 3; add images"):
        survey(tmp_path)


def test_a_truncated_image_is_named(tmp_path: Path) -> None:
    """Its header is valid; the survey reads the pixels too."""
    write(tmp_path)
    path = tmp_path / "00.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"00\.png cannot be read"):
        survey(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """The message names the folder and the formats."""
    with pytest.raises(InputError, match="expected PNG, JPEG or WebP images in"):
        image_paths(tmp_path)
