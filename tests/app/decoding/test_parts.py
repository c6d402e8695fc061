"""Promises of how an upload's files are sorted."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.decoding.parts import Place, Sorted, check_images, check_parts
from app.decoding.parts import sort_files as sort_files_and_tell
from app.decoding.refusal import Notices, Refused
from contracts.errors.tree import Flaw
from contracts.schemas import KeypointSchema, LabelSchema
from contracts.tasks import TASK_NAMES

LABELS = LabelSchema(classes=("background", "skin"))
BOTH = LabelSchema(classes=("background", "skin"), keypoints=KeypointSchema(names=("nose",)))


def named(*names: str) -> dict[str, Path]:
    """Files of these names."""
    return {name: Path(name) for name in names}


def sort_files(files: Mapping[str, Path], notices: Notices | None = None) -> Sorted:
    """The files by their part."""
    return sort_files_and_tell(files, notices or Notices())


def flaws_of(found: Sorted, labels: LabelSchema = LABELS, *annotated: str) -> list[Flaw]:
    """What is wrong, `annotated` being the stems that a COCO file has masks for."""
    stems = {task: set(annotated if task == "segmentation" else ()) for task in TASK_NAMES}
    return check_parts(found, labels, stems, Place(file="labelset.json"))


def test_images_and_masks_meet_by_their_stem() -> None:
    """An image of any suffix belongs to the mask of the same name."""
    found = sort_files(named("labelset.json", "images/a.jpg", "masks/a.png"))
    assert (set(found.images), found.schema) == ({"a"}, Path("labelset.json"))
    assert flaws_of(found) == []


def test_a_zipped_folder_is_seen_through() -> None:
    """When everything lies in one folder, that folder does not count."""
    found = sort_files(named("faces/labelset.json", "faces/images/a.png", "faces/masks/a.png"))
    assert (set(found.images), found.schema) == ({"a"}, Path("faces/labelset.json"))


def test_the_litter_of_file_managers_is_passed_over() -> None:
    """MacOS and Windows leave files that nobody meant to send."""
    found = sort_files(named("images/a.png", "masks/a.png", "__MACOSX/images/._a.png", ".DS_Store"))
    assert set(found.images) == {"a"}


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "images/.gitkeep",
        "README.dataset.txt",
        ".ipynb_checkpoints/a-checkpoint.png",
        "images/.ipynb_checkpoints/a-checkpoint.png",
        "LICENSE",
        ".git/HEAD",
    ],
)
def test_a_stray_file_is_skipped_with_a_warning(name: str) -> None:
    """A file that is surely no label costs nobody an upload."""
    notices = Notices()
    found = sort_files(named("images/a.png", "masks/a.png", name), notices)
    assert set(found.images) == {"a"}
    assert [(one.code, one.files) for one in notices.warnings] == [("files_skipped", (name,))]


@pytest.mark.parametrize(
    "name", ["._labels", "images/._a.png", "masks/@eaDir/a.png", "$RECYCLE.BIN/x"]
)
def test_litter_is_passed_over_without_a_word(name: str) -> None:
    """Systems write it unasked."""
    notices = Notices()
    assert set(sort_files(named("images/a.png", "masks/a.png", name), notices).images) == {"a"}
    assert notices.warnings == ()


@pytest.mark.parametrize(
    "name",
    [
        "mask/a.png",
        "README.png",
        "annotation.json",
        "notes.txt",
        "images/deep/a.png",
        "labels/a.png",
        "images",
    ],
)
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
    """An image without a label and a label without an image are both flaws."""
    flaws = flaws_of(sort_files(named("images/a.png", "masks/b.png")))
    assert {flaw.file for flaw in flaws} == {"images/a.png", "masks/b.png"}
    assert any("Add masks/a.png" in flaw.detail for flaw in flaws)


def test_an_image_may_lack_some_kinds_of_label() -> None:
    """One image with a mask, another with keypoints: each has something to learn from."""
    found = sort_files(named("images/a.png", "images/b.png", "masks/a.png", "keypoints/b.json"))
    assert flaws_of(found, BOTH) == []


def test_a_kind_that_nobody_has_is_a_flaw() -> None:
    """Keypoints that are declared but never come are a mistake of somebody's."""
    (flaw,) = flaws_of(sort_files(named("images/a.png", "masks/a.png")), BOTH)
    assert (flaw.file, "Add keypoints/NAME.json" in flaw.detail) == ("labelset.json", True)


def test_a_kind_that_is_not_declared_is_a_flaw() -> None:
    """Depth maps without a unit mean nothing; the flaw shows what to declare."""
    found = sort_files(named("images/a.png", "masks/a.png", "depth/a.png"))
    (flaw,) = flaws_of(found)
    assert (flaw.file, '"depth": {"unit"' in flaw.detail) == ("depth/a.png", True)


def test_an_annotated_image_needs_no_file_of_its_own() -> None:
    """What the COCO file labels is labelled."""
    assert flaws_of(sort_files(named("images/a.png", "coco.json")), LABELS, "a") == []


def test_two_coco_files_are_refused() -> None:
    """Which of them counts is not guessed."""
    with pytest.raises(Refused, match="one COCO file"):
        sort_files(named("images/a.png", "coco.json", "annotations.json"))


@pytest.mark.parametrize("name", ["keypoints/a.txt", "depth/a.exr"])
def test_a_label_of_another_format_is_refused(name: str) -> None:
    """The suffixes that are read are named."""
    with pytest.raises(Refused, match="end in"):
        sort_files(named("images/a.png", name))


def test_an_empty_upload_is_a_flaw() -> None:
    """A schema without images is refused with what was expected."""
    (flaw,) = check_images(sort_files(named("labelset.json")), 10)
    assert "no images" in flaw.detail


def test_the_number_of_images_has_a_limit() -> None:
    """More images than allowed are refused, with the limit."""
    files = named("images/a.png", "images/b.png", "masks/a.png", "masks/b.png")
    (flaw,) = check_images(sort_files(files), 1)
    assert "at most 1" in flaw.detail


def test_an_upload_of_nothing_says_what_to_send() -> None:
    """An empty archive is refused as such, with what was expected in it."""
    with pytest.raises(Refused, match="has no files"):
        sort_files({})
