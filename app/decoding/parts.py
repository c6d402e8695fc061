"""Sorts an upload's files by name into images, labels of each kind, schema and annotations."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from app.decoding.archives.names import is_system_file, is_unrelated
from app.decoding.protocol import SpooledFile
from app.decoding.refusal import Notices, Refused
from contracts.errors.tree import Flaw
from contracts.schemas import TASK_NAMES, LabelSchema, TaskName

SCHEMA = "labelset.json"
COCO_NAMES = ("annotations.json", "coco.json")
Part = Literal["images", "masks", "keypoints", "depth"]
SUFFIXES: dict[Part, tuple[str, ...]] = {
    "images": (),  # any suffix: the content decides
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
class SchemaSource:
    """Where the schema was sent: in a file of the upload, or in a field of the form."""

    file: str | None = None
    pointer: str | None = None

    def flaw(self, detail: str) -> Flaw:
        """Return a flaw of this file or field."""
        return Refused(self.file, detail, pointer=self.pointer).flaw


@dataclass(frozen=True)
class SortedFiles:
    """An upload's files: images and labels by part and stem, and the schema and COCO file, if sent."""

    schema: Path | None
    coco: SpooledFile | None
    parts: Mapping[Part, dict[str, SpooledFile]]

    @property
    def images(self) -> dict[str, SpooledFile]:
        return self.parts["images"]

    def labels(self, task: TaskName) -> dict[str, SpooledFile]:
        """Return the label files of a task by stem."""
        return self.parts[PART_OF_TASK[task]]


def sort_files(files: Mapping[str, Path], notices: Notices) -> SortedFiles:
    """Return the upload's files by part. Raises `Refused` for an empty upload and for a file of no part.

    Files of file managers are ignored; hidden files and documents are skipped with a warning.
    """
    kept = {name: path for name, path in files.items() if not is_system_file(name)}
    for name in [name for name in kept if is_unrelated(name)]:
        notices.add(
            "files_skipped", "The file is neither an image nor a label and was skipped.", name
        )
        del kept[name]
    if not kept:
        raise Refused(None, f"The upload has no files. {LAYOUT}")
    # After the skipped files, because they may be outside the folder.
    top = _common_folder(kept)
    parts: dict[Part, dict[str, SpooledFile]] = {part: {} for part in SUFFIXES}
    for name, path in kept.items():
        inner = name[len(top) :]
        if inner != SCHEMA and inner not in COCO_NAMES:
            _sort_in(parts, SpooledFile(name=name, path=path), inner)
    coco = [
        SpooledFile(name=top + name, path=kept[top + name])
        for name in COCO_NAMES
        if top + name in kept
    ]
    if len(coco) > 1:
        raise Refused(
            coco[1].name, f"Expected one COCO file, got {coco[0].name} too. Send only one."
        )
    return SortedFiles(kept.get(top + SCHEMA), coco[0] if coco else None, parts)


def check_images(files: SortedFiles, max_images: int) -> list[Flaw]:
    """Return a flaw if the upload has no images or too many."""
    if not files.images:
        return [Flaw(detail=f"The upload has no images. {LAYOUT}")]
    if len(files.images) > max_images:
        detail = f"Expected at most {max_images} images, got {len(files.images)}. Send fewer."
        return [Flaw(detail=detail)]
    return []


def check_parts(
    files: SortedFiles,
    labels: LabelSchema,
    annotated: Mapping[TaskName, Set[str]],
    schema_source: SchemaSource,
) -> list[Flaw]:
    """Return the flaws between images, labels and schema. `annotated`: the stems that the COCO file labels.

    They are labels without an image, images without a label, and tasks that the schema does not declare or that no
    image has labels for.
    """
    labelled = {task: files.labels(task).keys() | annotated[task] for task in TASK_NAMES}
    flaws = [
        flaw
        for task in TASK_NAMES
        for flaw in _check_task(files, task, labels, labelled, schema_source=schema_source)
    ]
    declared = [labelled[task] for task in labels.tasks]
    for stem in sorted(files.images.keys() - set().union(*declared)):
        expected = " or ".join(_label_name(task, stem) for task in labels.tasks)
        detail = f"The image has no label. Add {expected}, or remove the image."
        flaws.append(Flaw(file=files.images[stem].name, detail=detail))
    return flaws


def _check_task(
    files: SortedFiles,
    task: TaskName,
    labels: LabelSchema,
    labelled: Mapping[TaskName, Set[str]],
    *,
    schema_source: SchemaSource,
) -> list[Flaw]:
    own = files.labels(task)
    if task not in labels.tasks:
        detail = f"The schema does not declare {task}. Add {_DECLARATIONS[task]} to {SCHEMA}, or remove these files."
        # One flaw for the first file: the others have the same reason.
        return [Flaw(file=file.name, detail=detail) for file in list(own.values())[:1]]
    if not labelled[task]:
        detail = (
            f"The schema declares {task}, but no image has such a label."
            f" Add {_label_name(task, 'NAME')}, or remove the declaration."
        )
        return [schema_source.flaw(detail)]
    return [
        Flaw(
            file=own[stem].name,
            detail=f"The label has no image. Add images/{stem}.png, or remove the label.",
        )
        for stem in sorted(own.keys() - files.images.keys())
    ]


def _label_name(task: TaskName, stem: str) -> str:
    part = PART_OF_TASK[task]
    return f"{part}/{stem}{(SUFFIXES[part] or ('.png',))[0]}"


def _sort_in(parts: Mapping[Part, dict[str, SpooledFile]], file: SpooledFile, inner: str) -> None:
    """Add one file to its part. Raises `Refused` if it has none, or another file has the same stem."""
    folder, _, rest = inner.partition("/")
    # Not `folder in parts`: the loop variable has the literal type.
    part = next((part for part in parts if part == folder), None)
    if part is None or not rest or "/" in rest:
        raise Refused(file.name, f"The name does not match the layout of a labelset. {LAYOUT}")
    path = PurePosixPath(rest)
    if SUFFIXES[part] and path.suffix.lower() not in SUFFIXES[part]:
        expected = " or ".join(SUFFIXES[part])
        detail = f"Expected a file that ends in {expected} in {part}/. Convert or rename it."
        raise Refused(file.name, detail)
    if len(path.stem) > _MAX_NAME_LENGTH:
        detail = f"Expected a name of at most {_MAX_NAME_LENGTH} characters, got {len(path.stem)}. Shorten it."
        raise Refused(file.name[:_MAX_NAME_LENGTH], detail)
    if path.stem in parts[part]:
        other = parts[part][path.stem].name
        raise Refused(
            file.name, f"{other} has the same name with another suffix. Rename one of them."
        )
    parts[part][path.stem] = file


def _common_folder(files: Mapping[str, Path]) -> str:
    """Return the single top folder (a zipped folder) with its slash, or an empty text without one."""
    tops = {name.partition("/")[0] for name in files}
    top = next(iter(tops), "")
    is_wrapped = len(tops) == 1 and top not in (*SUFFIXES, SCHEMA, *COCO_NAMES)
    return f"{top}/" if is_wrapped else ""
