"""Sorts the files of an upload into images, labels of each kind, schema and annotations, by their names."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from app.decoding.archives.names import is_litter, is_stray
from app.decoding.refusal import Notices, Refused
from contracts.errors.tree import Flaw
from contracts.schemas import LabelSchema
from contracts.tasks import TASK_NAMES, TaskName

SCHEMA = "labelset.json"
COCO_NAMES = ("annotations.json", "coco.json")
Part = Literal["images", "masks", "keypoints", "depth"]
SUFFIXES: dict[Part, tuple[str, ...]] = {
    "images": (),  # any: what an image is, its content tells
    "masks": (),
    "keypoints": (".json",),
    "depth": (".png", ".npy"),
}
PART_OF_TASK: dict[TaskName, Part] = {
    "segmentation": "masks",
    "keypoints": "keypoints",
    "depth": "depth",
}
LAYOUT = (
    "Expected images/NAME.png (or .jpg, .webp); masks/NAME.png, keypoints/NAME.json, depth/NAME.png (or .npy), or one"
    f" COCO file {COCO_NAMES[0]}; and {SCHEMA}."
)
_DECLARATIONS: dict[TaskName, str] = {
    "segmentation": '"classes": ["background", "skin"]',
    "keypoints": '"keypoints": {"names": ["nose", "chin"]}',
    "depth": '"depth": {"unit": "m", "scale": 0.001}',
}
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True)
class Named:
    """A file and the name it came under."""

    name: str
    path: Path


@dataclass(frozen=True)
class Place:
    """Where something was said: a file of the upload, or a field of the form."""

    file: str | None = None
    pointer: str | None = None

    def flaw(self, detail: str) -> Flaw:
        """What is wrong there."""
        return Refused(self.file, detail, pointer=self.pointer).flaw


@dataclass(frozen=True)
class Sorted:
    """The files by their part, images and labels by stem; and those of which there is one at most."""

    schema: Path | None
    coco: Named | None
    parts: Mapping[Part, dict[str, Named]]

    @property
    def images(self) -> dict[str, Named]:
        return self.parts["images"]

    def labels(self, task: TaskName) -> dict[str, Named]:
        """The label files that `task` learns from."""
        return self.parts[PART_OF_TASK[task]]


def sort_files(files: Mapping[str, Path], notices: Notices) -> Sorted:
    """The upload's files by their part. Raises `Refused` for none, and for one that has no part.

    Litter of file managers is passed over; hidden files and documents are, too, with a warning.
    """
    kept = {name: path for name, path in files.items() if not is_litter(name)}
    for name in [name for name in kept if is_stray(name)]:
        notices.add("files_skipped", "No image and no label: the file was skipped.", name)
        del kept[name]
    if not kept:
        raise Refused(None, f"The upload has no files. {LAYOUT}")
    top = _common_folder(kept)
    parts: dict[Part, dict[str, Named]] = {part: {} for part in SUFFIXES}
    for name, path in kept.items():
        inner = name[len(top) :]
        if inner != SCHEMA and inner not in COCO_NAMES:
            _sort_in(parts, Named(name, path), inner)
    coco = [Named(top + name, kept[top + name]) for name in COCO_NAMES if top + name in kept]
    if len(coco) > 1:
        raise Refused(coco[1].name, f"{coco[0].name} was sent as well. Send one COCO file.")
    return Sorted(kept.get(top + SCHEMA), coco[0] if coco else None, parts)


def check_images(found: Sorted, max_images: int) -> list[Flaw]:
    """What is wrong with the images as such: none at all, or too many."""
    if not found.images:
        return [Flaw(detail=f"The upload has no images. {LAYOUT}")]
    if len(found.images) > max_images:
        detail = (
            f"{len(found.images)} images came; a labelset holds at most {max_images}. Send fewer."
        )
        return [Flaw(detail=detail)]
    return []


def check_parts(
    found: Sorted,
    labels: LabelSchema,
    annotated: Mapping[TaskName, Set[str]],
    declared_by: Place,
) -> list[Flaw]:
    """What is wrong between the parts. `annotated` are the stems that the COCO file labels.

    Labels without an image, images without a label, kinds of label that the schema does not declare or no image has.
    """
    labelled = {task: found.labels(task).keys() | annotated[task] for task in TASK_NAMES}
    flaws = [
        flaw
        for task in TASK_NAMES
        for flaw in _check_kind(found, task, labels, labelled, declared_by=declared_by)
    ]
    useful = [labelled[task] for task in labels.tasks]
    for stem in sorted(found.images.keys() - set().union(*useful)):
        wanted = " or ".join(_label_name(task, stem) for task in labels.tasks)
        detail = f"The image has no label. Add {wanted}, or leave it out."
        flaws.append(Flaw(file=found.images[stem].name, detail=detail))
    return flaws


def _check_kind(
    found: Sorted,
    task: TaskName,
    labels: LabelSchema,
    labelled: Mapping[TaskName, Set[str]],
    *,
    declared_by: Place,
) -> list[Flaw]:
    files = found.labels(task)
    if task not in labels.tasks:
        detail = f"The schema does not say what such files mean. Add {_DECLARATIONS[task]} to {SCHEMA}, or remove them."
        return [Flaw(file=file.name, detail=detail) for file in list(files.values())[:1]]
    if not labelled[task]:
        detail = (
            f"It declares {task}, but no image has such a label."
            f" Add {_label_name(task, 'NAME')}, or take the declaration out."
        )
        return [declared_by.flaw(detail)]
    return [
        Flaw(
            file=files[stem].name,
            detail=f"The label has no image. Add images/{stem}.png or leave it out.",
        )
        for stem in sorted(files.keys() - found.images.keys())
    ]


def _label_name(task: TaskName, stem: str) -> str:
    part = PART_OF_TASK[task]
    return f"{part}/{stem}{(SUFFIXES[part] or ('.png',))[0]}"


def _sort_in(parts: Mapping[Part, dict[str, Named]], file: Named, inner: str) -> None:
    """Puts one file into its part. Raises `Refused` when it has none, or is there already under another suffix."""
    folder, _, rest = inner.partition("/")
    part = next((part for part in parts if part == folder), None)
    if part is None or not rest or "/" in rest:
        raise Refused(file.name, f"This file has no place in a labelset. {LAYOUT}")
    path = PurePosixPath(rest)
    if SUFFIXES[part] and path.suffix.lower() not in SUFFIXES[part]:
        wanted = " or ".join(SUFFIXES[part])
        raise Refused(file.name, f"Files in {part}/ end in {wanted}. Save it as one, or rename it.")
    if len(path.stem) > _MAX_NAME_LENGTH:
        detail = f"The name is longer than {_MAX_NAME_LENGTH} characters. Shorten it."
        raise Refused(file.name[:_MAX_NAME_LENGTH], detail)
    if path.stem in parts[part]:
        other = parts[part][path.stem].name
        raise Refused(file.name, f"{other} has the same name up to its suffix. Rename one.")
    parts[part][path.stem] = file


def _common_folder(files: Mapping[str, Path]) -> str:
    """The one folder that everything lies in, with its slash, as when a folder was zipped; else nothing."""
    tops = {name.partition("/")[0] for name in files}
    top = next(iter(tops), "")
    is_wrapped = len(tops) == 1 and top not in (*SUFFIXES, SCHEMA, *COCO_NAMES)
    return f"{top}/" if is_wrapped else ""
