"""Reads one COCO file that nobody trusts: whose regions and keypoints belong to which image, and what they are called.

Fields that we do not use are passed over: every tool writes some of its own.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.decoding.parts import Named
from app.decoding.protocol import DecodeLimits
from app.decoding.refusal import Refused
from app.flaws import in_words
from contracts.schemas import TaskName

BACKGROUND = "background"

Index = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Runs(_Part):
    """A region as run lengths: numbers, or their compressed text. `size` is (height, width)."""

    size: tuple[int, int]
    counts: tuple[Index, ...] | str

    @property
    def num_vertices(self) -> int:
        return len(self.counts)


class Annotation(_Part):
    """One object in one image."""

    image_id: Index
    category_id: Index
    segmentation: tuple[tuple[float, ...], ...] | Runs | None = None
    keypoints: tuple[float, ...] | None = None
    iscrowd: bool = False

    @property
    def num_vertices(self) -> int:
        """How much work its region is."""
        if isinstance(self.segmentation, Runs):
            return self.segmentation.num_vertices
        return sum(len(polygon) // 2 for polygon in self.segmentation or ())

    @property
    def has_keypoints(self) -> bool:
        """Whether any of its keypoints is labelled."""
        return any(self.keypoints[2::3]) if self.keypoints else False


class Category(_Part):
    """What an object may be. `skeleton` joins keypoints by their number, from 1 on."""

    id: Index
    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()


class Picture(_Part):
    """An image that the file speaks of."""

    id: Index
    file_name: str
    width: int
    height: int

    @property
    def stem(self) -> str:
        return PurePosixPath(self.file_name.replace("\\", "/")).stem


class CocoFile(_Part):
    """A whole file of annotations."""

    images: tuple[Picture, ...]
    annotations: tuple[Annotation, ...] = ()
    categories: tuple[Category, ...]

    @cached_property
    def category_of(self) -> Mapping[int, Category]:
        """Categories by their id."""
        return {category.id: category for category in self.categories}

    @cached_property
    def picture_of(self) -> Mapping[str, Picture]:
        """Images by their stem."""
        return {picture.stem: picture for picture in self.images}

    @cached_property
    def annotations_of(self) -> Mapping[int, Sequence[Annotation]]:
        """Annotations by the id of their image, in the file's order."""
        found: dict[int, list[Annotation]] = {picture.id: [] for picture in self.images}
        for annotation in self.annotations:
            found[annotation.image_id].append(annotation)
        return found

    @property
    def has_regions(self) -> bool:
        """Whether the file has masks at all."""
        return any(annotation.segmentation for annotation in self.annotations)

    def stems(self, task: TaskName) -> set[str]:
        """The images that the file labels. With regions in it, an image without one is all background."""
        if task == "segmentation":
            return set(self.picture_of) if self.has_regions else set()
        if task == "keypoints":
            labelled = {one.image_id for one in self.annotations if one.has_keypoints}
            return {picture.stem for picture in self.images if picture.id in labelled}
        return set()

    def declared(self) -> dict[str, object]:
        """What labelset.json would say: background and the categories in order of their id, keypoints and skeleton."""
        ordered = sorted(self.categories, key=lambda category: category.id)
        said: dict[str, object] = {}
        if self.has_regions:
            names = [category.name for category in ordered]
            has_background = BACKGROUND in (name.casefold() for name in names)
            said["classes"] = names if has_background else [BACKGROUND, *names]
        pointed = [category for category in ordered if category.keypoints]
        if pointed and self.stems("keypoints"):
            names = list(pointed[0].keypoints)
            skeleton = [[names[a - 1], names[b - 1]] for a, b in pointed[0].skeleton]
            said["keypoints"] = {"names": names, "skeleton": skeleton}
        return said


def read_coco(file: Named, limits: DecodeLimits) -> CocoFile:
    """The file's content, within limits and consistent in itself. Raises `Refused` for anything else."""
    if file.path.stat().st_size > limits.max_coco_bytes:
        detail = f"It is larger than {limits.max_coco_bytes} bytes. Send the annotations of these images alone."
        raise Refused(file.name, detail)
    try:
        coco = CocoFile.model_validate_json(file.path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        detail = f"{where}: {in_words(first)} Export it again as COCO JSON."
        raise Refused(file.name, detail) from error
    _check_size(coco, file.name, limits)
    _check_references(coco, file.name)
    return coco


def _check_size(coco: CocoFile, name: str, limits: DecodeLimits) -> None:
    if len(coco.annotations) > limits.max_coco_annotations:
        detail = (
            f"It has {len(coco.annotations)} annotations; at most {limits.max_coco_annotations} are taken."
            " Send those of these images alone."
        )
        raise Refused(name, detail)
    num_vertices = sum(annotation.num_vertices for annotation in coco.annotations)
    if num_vertices > limits.max_coco_vertices:
        detail = (
            f"Its regions have {num_vertices} corners and runs together; at most {limits.max_coco_vertices} are taken."
            " Simplify the polygons, or send fewer images."
        )
        raise Refused(name, detail)


def _check_references(coco: CocoFile, name: str) -> None:
    """Ids that lead nowhere, names that are not one's own, skeletons that join nothing."""
    if len(coco.picture_of) != len(coco.images):
        detail = "Two of its images have the same name up to folder and suffix. Rename one."
        raise Refused(name, detail)
    known = {picture.id for picture in coco.images}
    for number, annotation in enumerate(coco.annotations):
        if annotation.image_id not in known or annotation.category_id not in coco.category_of:
            detail = (
                f"annotations.{number} is of image {annotation.image_id} and category {annotation.category_id}, and"
                " one of them is not in the file. Export it again."
            )
            raise Refused(name, detail)
    for category in coco.categories:
        for line in category.skeleton:
            if not all(1 <= end <= len(category.keypoints) for end in line):
                detail = (
                    f"The skeleton of '{category.name}' joins keypoints {line[0]} and {line[1]}; it has 1 to"
                    f" {len(category.keypoints)}. Correct it."
                )
                raise Refused(name, detail)
