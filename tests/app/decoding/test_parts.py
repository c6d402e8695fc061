"""Tests of sorting an upload's files by name."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.decoding.parts import SchemaSource, SortedFiles, check_images, check_parts
from app.decoding.parts import sort_files as sort_files_with_notices
from app.decoding.refusal import Notices, Refused
from contracts.errors.tree import Flaw
from contracts.schemas import TASK_NAMES, KeypointSchema, LabelSchema

LABELS = LabelSchema(classes=("background", "skin"))
BOTH = LabelSchema(classes=("background", "skin"), keypoints=KeypointSchema(names=("nose",)))


def named(*names: str) -> dict[str, Path]:
    """Return paths for files of these names."""
    return {name: Path(name) for name in names}


def sort_files(files: Mapping[str, Path], notices: Notices | None = None) -> SortedFiles:
    """Sort the files, without warnings by default."""
    return sort_files_with_notices(files, notices or Notices())


def flaws_of(files: SortedFiles, labels: LabelSchema = LABELS, *annotated: str) -> list[Flaw]:
    """Return the flaws; `annotated` are the stems that a COCO file has masks for."""
    stems = {task: set(annotated if task == "segmentation" else ()) for task in TASK_NAMES}
    return check_parts(files, labels, stems, SchemaSource(file="labelset.json"))


def test_images_and_masks_are_matched_by_stem() -> None:
    """An image of any suffix belongs to the mask of the same stem."""
    files = sort_files(named("labelset.json", "images/a.jpg", "masks/a.png"))
    assert (set(files.images), files.schema) == ({"a"}, Path("labelset.json"))
    assert flaws_of(files) == []


@pytest.mark.parametrize("folder", ["faces", "export/faces", "images of us/masks of us/3"])
def test_the_folders_around_all_files_are_ignored(folder: str) -> None:
    """If all files are in one folder, as when a folder is zipped, it is removed from the names, at any depth."""
    names = ("labelset.json", "images/a.png", "masks/a.png")
    files = sort_files(named(*(f"{folder}/{name}" for name in names)))
    assert (set(files.images), files.schema) == ({"a"}, Path(f"{folder}/labelset.json"))


@pytest.mark.parametrize("top", ["", "Faces/"])
def test_folders_may_be_in_capitals(top: str) -> None:
    """On Windows and macOS, Images and images are one folder; in an archive they have the same files."""
    files = sort_files(named(f"{top}labelset.json", f"{top}Images/a.png", f"{top}MASKS/a.png"))
    assert flaws_of(files) == []
    with pytest.raises(Refused, match="same name"):
        sort_files(named("Images/a.png", "images/a.jpg"))


def test_a_folder_of_the_layout_is_kept() -> None:
    """An upload of only images has the images in their folder."""
    assert set(sort_files(named("images/a.png", "images/b.png")).images) == {"a", "b"}


@pytest.mark.parametrize("name", ["_annotations.coco.json", "instances_default.json"])
def test_another_name_of_a_coco_file_is_explained(name: str) -> None:
    """Tools have other names for it."""
    with pytest.raises(Refused, match=r"Name a COCO file annotations\.json"):
        sort_files(named("images/a.png", name))


def test_files_of_file_managers_are_ignored() -> None:
    """The system files of macOS and Windows are ignored."""
    files = sort_files(named("images/a.png", "masks/a.png", "__MACOSX/images/._a.png", ".DS_Store"))
    assert set(files.images) == {"a"}


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
        "images/a.png~",
        "images/~$a.docx",
    ],
)
def test_an_unrelated_file_is_skipped_with_a_warning(name: str) -> None:
    """Hidden files and documents do not make an upload invalid."""
    notices = Notices()
    files = sort_files(named("images/a.png", "masks/a.png", name), notices)
    assert set(files.images) == {"a"}
    assert [(one.code, one.files) for one in notices.warnings] == [("files_skipped", (name,))]


@pytest.mark.parametrize(
    "name", ["._labels", "images/._a.png", "masks/@eaDir/a.png", "$RECYCLE.BIN/x"]
)
def test_system_files_give_no_warning(name: str) -> None:
    """Users do not know about these files."""
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
def test_a_file_outside_the_layout_is_refused(name: str) -> None:
    """An unknown file is refused instead of silently ignored."""
    with pytest.raises(Refused, match="does not match the layout") as refused:
        sort_files(named("images/a.png", "masks/a.png", name))
    assert refused.value.file == name


def test_two_images_with_one_stem_are_refused() -> None:
    """The mask could belong to either."""
    with pytest.raises(Refused, match="same name with another suffix"):
        sort_files(named("images/a.png", "images/a.jpg", "masks/a.png"))


def test_unpaired_images_and_labels_are_reported() -> None:
    """An image without a label and a label without an image are both flaws."""
    flaws = flaws_of(sort_files(named("images/a.png", "masks/b.png")))
    assert {flaw.file for flaw in flaws} == {"images/a.png", "masks/b.png"}
    assert any("Add masks/a.png" in flaw.detail for flaw in flaws)


def test_names_that_differ_in_case_are_explained() -> None:
    """Both halves of a pair are reported, and each names the other one; a complete pair is no explanation."""
    files = sort_files(named("images/a.png", "masks/a.png", "images/B.png", "masks/b.png"))
    label, image = flaws_of(files)
    assert (label.file, image.file) == ("masks/b.png", "images/B.png")
    assert "images/B.png differs in upper and lower case" in label.detail
    assert "masks/b.png differs in upper and lower case" in image.detail
    (flaw,) = flaws_of(sort_files(named("images/a.png", "masks/a.png", "images/A.png")))
    assert (flaw.file, "Add masks/A.png" in flaw.detail) == ("images/A.png", True)


def test_images_may_have_different_kinds_of_label() -> None:
    """One image with a mask and another with keypoints are valid."""
    files = sort_files(named("images/a.png", "images/b.png", "masks/a.png", "keypoints/b.json"))
    assert flaws_of(files, BOTH) == []


def test_a_declared_task_without_labels_is_a_flaw() -> None:
    """If keypoints are declared, at least one image needs them."""
    (flaw,) = flaws_of(sort_files(named("images/a.png", "masks/a.png")), BOTH)
    assert (flaw.file, "Add keypoints/NAME.json" in flaw.detail) == ("labelset.json", True)


def test_an_undeclared_task_is_a_flaw() -> None:
    """Depth maps without a declaration are refused; the flaw shows what to declare."""
    files = sort_files(named("images/a.png", "masks/a.png", "depth/a.png"))
    (flaw,) = flaws_of(files)
    assert (flaw.file, '"depth": {"unit"' in flaw.detail) == ("depth/a.png", True)


def test_an_image_labelled_in_the_coco_file_needs_no_label_file() -> None:
    """A label in the COCO file counts."""
    assert flaws_of(sort_files(named("images/a.png", "coco.json")), LABELS, "a") == []


def test_two_coco_files_are_refused() -> None:
    """Two COCO files are ambiguous."""
    with pytest.raises(Refused, match="Expected one COCO file"):
        sort_files(named("images/a.png", "coco.json", "annotations.json"))


@pytest.mark.parametrize("name", ["keypoints/a.txt", "depth/a.exr"])
def test_a_label_of_another_format_is_refused(name: str) -> None:
    """The refusal lists the accepted suffixes."""
    with pytest.raises(Refused, match="ends in"):
        sort_files(named("images/a.png", name))


def test_an_empty_upload_is_a_flaw() -> None:
    """A schema without images is refused with the expected layout."""
    (flaw,) = check_images(sort_files(named("labelset.json")), 10)
    assert "no images" in flaw.detail


def test_the_number_of_images_is_limited() -> None:
    """More images than allowed are refused with the limit."""
    files = named("images/a.png", "images/b.png", "masks/a.png", "masks/b.png")
    (flaw,) = check_images(sort_files(files), 1)
    assert "at most 1" in flaw.detail


def test_an_upload_without_files_is_refused() -> None:
    """An empty archive is refused with the expected layout."""
    with pytest.raises(Refused, match="has no files"):
        sort_files({})
