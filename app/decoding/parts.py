"""Sorts an upload's files by name into images, labels of each kind, schema and annotations."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from app.decoding.archives.names import is_system_file, is_unrelated
from app.decoding.protocol import SpooledFile
from app.decoding.refusal import Notices, Refused
from contracts.errors.tree import Flaw
from contracts.schemas import LabelSchema, TaskName, normalized

SCHEMA = "labelset.json"
COCO_NAMES = ("annotations.json", "coco.json")
IMAGES = "images"


@dataclass(frozen=True)
class TaskPart:
    """The files of one task in an upload: `folder`, their `suffixes` (none: any), and how the schema declares them."""

    task: TaskName
    folder: str
    suffixes: tuple[str, ...]
    declaration: str

    @property
    def layout(self) -> str:
        """Return where a file of the task belongs, for messages."""
        first, *others = self.suffixes or (".png",)
        return f"{self.folder}/NAME{first}" + (f" (or {', '.join(others)})" if others else "")


MASKS = TaskPart("segmentation", "masks", (), '"classes": ["background", "skin"]')
KEYPOINTS = TaskPart(
    "keypoints", "keypoints", (".json",), '"keypoints": {"names": ["nose", "chin"]}'
)
DEPTH = TaskPart("depth", "depth", (".png", ".npy"), '"depth": {"unit": "m", "scale": 0.001}')
PARTS = (MASKS, KEYPOINTS, DEPTH)
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
    parts: Mapping[str, dict[str, SpooledFile]]
    tasks: Sequence[TaskPart] = PARTS

    @property
    def images(self) -> dict[str, SpooledFile]:
        return self.parts[IMAGES]

    def labels(self, task: TaskName) -> dict[str, SpooledFile]:
        """Return the label files of a task by stem."""
        return next(self.parts[part.folder] for part in self.tasks if part.task == task)


def sort_files(
    files: Mapping[str, Path], notices: Notices, tasks: Sequence[TaskPart] = PARTS
) -> SortedFiles:
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
        raise Refused(None, f"The upload has no files. {_layout(tasks)}")
    folders = {IMAGES: (), **{part.folder: part.suffixes for part in tasks}}
    # After the skipped files, because they may be outside the folder.
    top = _common_folder(kept, folders)
    parts: dict[str, dict[str, SpooledFile]] = {folder: {} for folder in folders}
    for name, path in kept.items():
        inner = name[len(top) :]
        if inner != SCHEMA and inner not in COCO_NAMES:
            _sort_in(parts, SpooledFile(name=name, path=path), inner, tasks)
    coco = [
        SpooledFile(name=top + name, path=kept[top + name])
        for name in COCO_NAMES
        if top + name in kept
    ]
    if len(coco) > 1:
        raise Refused(
            coco[1].name, f"Expected one COCO file, got {coco[0].name} too. Send only one."
        )
    return SortedFiles(kept.get(top + SCHEMA), coco[0] if coco else None, parts, tasks)


def check_images(files: SortedFiles, max_images: int) -> list[Flaw]:
    """Return a flaw if the upload has no images or too many."""
    if not files.images:
        return [Flaw(detail=f"The upload has no images. {_layout(files.tasks)}")]
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
    parts = {part.task: part for part in files.tasks}
    labelled = {task: files.labels(task).keys() | annotated[task] for task in parts}
    flaws = [
        flaw
        for part in files.tasks
        for flaw in _check_task(files, part, labels, labelled, schema_source=schema_source)
    ]
    declared = [labelled[task] for task in labels.tasks]
    in_coco = set().union(*annotated.values())
    orphans = {stem: f"'{stem[:64]}' in the COCO file" for stem in in_coco - files.images.keys()}
    for task in labels.tasks:
        own = files.labels(task)
        orphans |= {stem: own[stem].name for stem in own.keys() - files.images.keys()}
    for stem in sorted(files.images.keys() - set().union(*declared)):
        expected = " or ".join(_label_name(parts[task], stem) for task in labels.tasks)
        expected += ", list it in the COCO file" if in_coco else ""
        detail = f"The image has no label. {_advice(stem, orphans, expected, 'image')}"
        flaws.append(Flaw(file=files.images[stem].name, detail=detail))
    return flaws


def find_conditions(
    files: SortedFiles,
    declared: Mapping[str, int],
    annotated: Mapping[str, int],
    schema_source: SchemaSource,
) -> tuple[Mapping[str, int], list[Flaw]]:
    """Return the condition of each image by stem, and the flaws: every image has one, or none has.

    `declared` are those of the schema, `annotated` those of the COCO file, which may have other images too.
    """
    conditions = {normalized(name): value for name, value in declared.items()}
    of_images = {stem: value for stem, value in annotated.items() if stem in files.images}
    if conditions and of_images:
        detail = (
            'Expected conditions in the COCO file or in "conditions", got both. Keep one of them.'
        )
        return {}, [schema_source.flaw(detail)]
    flaws = []
    if len(conditions) < len(declared):
        detail = (
            "conditions: expected each image once, got a name twice in two spellings. Keep one."
        )
        flaws.append(schema_source.flaw(detail))
    for stem in sorted(conditions.keys() - files.images.keys()):
        detail = f"conditions: there is no image '{stem[:64]}'. Use the names of the images without folder and suffix."
        flaws.append(schema_source.flaw(detail))
    conditions = conditions or of_images
    if conditions:
        detail = "The image has no condition, but other images have one. Add it, or remove all conditions."
        missing = sorted(files.images.keys() - conditions.keys())
        flaws += [Flaw(file=files.images[stem].name, detail=detail) for stem in missing]
    return conditions, flaws


def _check_task(
    files: SortedFiles,
    part: TaskPart,
    labels: LabelSchema,
    labelled: Mapping[TaskName, Set[str]],
    *,
    schema_source: SchemaSource,
) -> list[Flaw]:
    task, own = part.task, files.labels(part.task)
    if task not in labels.tasks:
        detail = f"The schema does not declare {task}. Add {part.declaration} to {SCHEMA}, or remove these files."
        # One flaw for the first file: the others have the same reason.
        return [Flaw(file=file.name, detail=detail) for file in list(own.values())[:1]]
    if not labelled[task]:
        detail = (
            f"The schema declares {task}, but no image has such a label."
            f" Add {_label_name(part, 'NAME')}, or remove the declaration."
        )
        return [schema_source.flaw(detail)]
    orphans = {stem: file.name for stem, file in files.images.items() if stem not in labelled[task]}
    return [
        Flaw(
            file=own[stem].name,
            detail=f"The label has no image. {_advice(stem, orphans, f'{IMAGES}/{stem}.png', 'label')}",
        )
        for stem in sorted(own.keys() - files.images.keys())
    ]


def _advice(stem: str, orphans: Mapping[str, str], expected: str, kind: str) -> str:
    """Return what to do about a file without its counterpart. `orphans` are the names of those on the other side."""
    form = stem.casefold().strip()
    similar = [name for other, name in orphans.items() if other.casefold().strip() == form]
    if similar:
        return (
            f"{similar[0]} differs in upper and lower case or in spaces. Give both the same name."
        )
    return f"Add {expected}, or remove the {kind}."


def _label_name(part: TaskPart, stem: str) -> str:
    return f"{part.folder}/{stem}{(part.suffixes or ('.png',))[0]}"


def _layout(tasks: Sequence[TaskPart]) -> str:
    labels = ", ".join(part.layout for part in tasks)
    return (
        f"Expected images/NAME.png (or .jpg, .webp); {labels}, or one COCO file {COCO_NAMES[0]};"
        f" and {SCHEMA}."
    )


def _sort_in(
    parts: Mapping[str, dict[str, SpooledFile]],
    file: SpooledFile,
    inner: str,
    tasks: Sequence[TaskPart],
) -> None:
    """Add one file to its part. Raises `Refused` if it has none, or another file has the same stem."""
    folder, _, rest = inner.partition("/")
    folder = folder.lower()  # on Windows and macOS, Images and images are one folder
    if folder not in parts or not rest or "/" in rest:
        is_json = not rest and inner.lower().endswith(".json")
        hint = f" Name a COCO file {COCO_NAMES[0]}." if is_json else ""
        detail = f"The name does not match the layout of a labelset. {_layout(tasks)}{hint}"
        raise Refused(file.name, detail)
    path = PurePosixPath(rest)
    suffixes = next((part.suffixes for part in tasks if part.folder == folder), ())
    if suffixes and path.suffix.lower() not in suffixes:
        expected = " or ".join(suffixes)
        detail = f"Expected a file that ends in {expected} in {folder}/. Convert or rename it."
        raise Refused(file.name, detail)
    if len(path.stem) > _MAX_NAME_LENGTH:
        detail = f"Expected a name of at most {_MAX_NAME_LENGTH} characters, got {len(path.stem)}. Shorten it."
        raise Refused(file.name[:_MAX_NAME_LENGTH], detail)
    if path.stem in parts[folder]:
        other = parts[folder][path.stem].name
        raise Refused(
            file.name, f"{other} has the same name with another suffix. Rename one of them."
        )
    parts[folder][path.stem] = file


def _common_folder(files: Mapping[str, Path], folders: Iterable[str]) -> str:
    """Return the folders around all files (a zipped folder, also inside others) with a slash, or an empty text."""
    known = {*folders, SCHEMA, *COCO_NAMES}
    common = next(iter(files)).split("/")[:-1]
    for name in files:
        parts = name.split("/")[:-1]
        equal = [one == other for one, other in zip(common, parts, strict=False)]
        common = common[: equal.index(False) if False in equal else len(equal)]
    wrapping = list(takewhile(lambda folder: folder.lower() not in known, common))
    return "".join(f"{folder}/" for folder in wrapping)
