"""Reads one COCO file that nobody trusts: whose regions and keypoints belong to which image."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.decoding.archives.names import composed
from app.decoding.coco.shapes import Annotation, Category, Picture
from app.decoding.parts import Named
from app.decoding.protocol import DecodeLimits
from app.decoding.refusal import Refused
from app.decoding.texts import read_text
from app.messages import describe, place_of
from contracts.schemas import TaskName

T = TypeVar("T", int, str)


class CocoFile(BaseModel):
    """A whole file of annotations."""

    model_config = ConfigDict(extra="ignore", frozen=True)

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
        return {stem_of(picture): picture for picture in self.images}

    @cached_property
    def annotations_of(self) -> Mapping[int, Sequence[Annotation]]:
        """Annotations by the id of their image, in the file's order."""
        by_image: dict[int, list[Annotation]] = {picture.id: [] for picture in self.images}
        for annotation in self.annotations:
            by_image[annotation.image_id].append(annotation)
        return by_image

    @cached_property
    def has_regions(self) -> bool:
        """Whether the file has masks."""
        return any(annotation.has_region for annotation in self.annotations)

    @cached_property
    def with_regions(self) -> frozenset[int]:
        """The categories that have a region."""
        return frozenset(one.category_id for one in self.annotations if one.has_region)

    @cached_property
    def crowds_only(self) -> frozenset[int]:
        """The categories whose regions are all crowds. Some tools write `iscrowd` 1 for every run-length mask."""
        single = {one.category_id for one in self.annotations if one.has_region and not one.iscrowd}
        return self.with_regions - single

    @cached_property
    def point_offset(self) -> float:
        """What is added to the coordinates of keypoints so that they are continuous.

        COCO's own are indices of pixels, whole numbers, whose center is half a pixel on. A file with a fraction in
        a labelled point means continuous coordinates. A point of visibility 0 says nothing.
        """
        numbers = (
            number
            for annotation in self.annotations
            for x, y, visibility in _triples(annotation.keypoints or ())
            if visibility
            for number in (x, y)
        )
        return 0.5 if all(number.is_integer() for number in numbers) else 0.0

    def stems(self, task: TaskName) -> set[str]:
        """The images that the file labels. With regions in it, an image without one is all background."""
        if task == "segmentation":
            return set(self.picture_of) if self.has_regions else set()
        if task == "keypoints":
            labelled = {one.image_id for one in self.annotations if one.has_keypoints}
            return {stem_of(picture) for picture in self.images if picture.id in labelled}
        return set()


def stem_of(picture: Picture) -> str:
    """The name that an image of the file is matched by: without folders and suffix."""
    return PurePosixPath(composed(picture.file_name).replace("\\", "/")).stem


def read_coco(file: Named, limits: DecodeLimits) -> CocoFile:
    """The file's content, within limits and consistent in itself. Raises `Refused` for anything else."""
    advice = "Send the annotations of these images alone."
    text = read_text(file.path, file.name, limits.max_coco_bytes, advice)
    try:
        coco = CocoFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in place_of(first))
        prefix = f"{where}: " if where else ""
        raise Refused(
            file.name, f"{prefix}{describe(first)} Export it again as COCO JSON."
        ) from error
    _check_size(coco, file.name, limits)
    _check_ids(coco, file.name)
    _check_references(coco, file.name)
    return coco


def _triples(numbers: Sequence[float]) -> Iterable[tuple[float, float, float]]:
    return zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=False)


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


def _check_ids(coco: CocoFile, name: str) -> None:
    """Refuse two images or categories of one id: their annotations cannot be told apart."""
    for what, ids in (
        ("images", [picture.id for picture in coco.images]),
        ("categories", [category.id for category in coco.categories]),
    ):
        repeated = _repeated(ids)
        if repeated:
            raise Refused(name, f"Two of its {what} have the id {repeated[0]}. Export it again.")
    stems = _repeated([stem_of(picture) for picture in coco.images])
    if stems:
        detail = f"Two of its images have the same name up to folder and suffix ('{stems[0][:64]}'). Rename one."
        raise Refused(name, detail)


def _repeated(values: Sequence[T]) -> list[T]:
    return [value for value, count in Counter(values).items() if count > 1]


def _check_references(coco: CocoFile, name: str) -> None:
    """Refuse annotations of images or categories that the file does not have."""
    images = {picture.id for picture in coco.images}
    for number, annotation in enumerate(coco.annotations):
        known = {"image": images, "category": coco.category_of.keys()}
        ids = {"image": annotation.image_id, "category": annotation.category_id}
        for what, one in ids.items():
            if one not in known[what]:
                detail = f"annotations.{number} is of {what} {one}, which is not in the file. Export it again."
                raise Refused(name, detail)
