"""Promises of how an upload's files are sorted."""

from pathlib import Path

import pytest

from app.decoding.pairs import check_pairs, sort_files
from app.decoding.refusal import Refused


def named(*names: str) -> dict[str, Path]:
    """Files of these names."""
    return {name: Path(name) for name in names}


def test_images_and_masks_meet_by_their_stem() -> None:
    """An image of any suffix belongs to the mask of the same name."""
    found = sort_files(named("labelset.json", "images/a.jpg", "masks/a.png"))
    assert (set(found.images), set(found.masks), found.schema) == (
        {"a"},
        {"a"},
        Path("labelset.json"),
    )
    assert check_pairs(found, 10) == []


def test_a_zipped_folder_is_seen_through() -> None:
    """When everything lies in one folder, that folder does not count."""
    found = sort_files(named("faces/labelset.json", "faces/images/a.png", "faces/masks/a.png"))
    assert (set(found.images), found.schema) == ({"a"}, Path("faces/labelset.json"))


def test_the_litter_of_file_managers_is_passed_over() -> None:
    """MacOS and Windows leave files that nobody meant to send."""
    found = sort_files(named("images/a.png", "masks/a.png", "__MACOSX/images/._a.png", ".DS_Store"))
    assert set(found.images) == {"a"}


@pytest.mark.parametrize("name", ["notes.txt", "images/deep/a.png", "labels/a.png"])
def test_a_file_without_a_place_is_refused(name: str) -> None:
    """A file that would be passed over in silence is named instead."""
    with pytest.raises(Refused, match="no place") as refused:
        sort_files(named("images/a.png", "masks/a.png", name))
    assert refused.value.file == name


def test_two_images_of_one_stem_are_refused() -> None:
    """Which of them the mask belongs to is not guessed."""
    with pytest.raises(Refused, match="same name up to its suffix"):
        sort_files(named("images/a.png", "images/a.jpg", "masks/a.png"))


def test_every_lonely_half_is_named() -> None:
    """An image without a mask and a mask without an image are both flaws."""
    flaws = check_pairs(sort_files(named("images/a.png", "masks/b.png")), 10)
    assert [flaw.file for flaw in flaws] == ["images/a.png", "masks/b.png"]
    assert "Add masks/a.png" in flaws[0].detail


def test_an_empty_upload_is_a_flaw() -> None:
    """A schema without images is refused with what was expected."""
    (flaw,) = check_pairs(sort_files(named("labelset.json")), 10)
    assert "no images" in flaw.detail


def test_the_number_of_images_has_a_limit() -> None:
    """More images than allowed are refused, with the limit."""
    files = named("images/a.png", "images/b.png", "masks/a.png", "masks/b.png")
    (flaw,) = check_pairs(sort_files(files), 1)
    assert "at most 1" in flaw.detail


def test_an_upload_of_nothing_says_what_to_send() -> None:
    """An empty archive is refused as such, with what was expected in it."""
    with pytest.raises(Refused, match="has no files"):
        sort_files({})
