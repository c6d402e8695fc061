"""Reads one untrusted COCO file and finds the annotations of each image."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from app.decoding.coco.models import Annotation, Category, CocoImage
from app.decoding.keypoints import are_shares
from app.decoding.protocol import DecodeLimits, SpooledFile
from app.decoding.refusal import Refused
from app.decoding.texts import check_unique_fields, read_text
from app.messages import describe, place_of
from contracts.schemas import TaskName, normalized

_PANOPTIC = (
    "This is COCO for panoptic segmentation, whose PNG files have ids as colors. Export it for instance segmentation,"
    " or send PNG masks of class indices."
)
T = TypeVar("T")
Listed = TypeVar("Listed", CocoImage, Category)


def _without_repeats(items: tuple[Listed, ...]) -> tuple[Listed, ...]:
    """Return the items without equal ones of the same id, which merged files have."""
    first: dict[int | str, Listed] = {}
    return tuple(
        one for one in items if first.setdefault(one.id, one) is one or first[one.id] != one
    )


class CocoFile(BaseModel):
    """The content of a COCO file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    info: Any = None
    images: Annotated[tuple[CocoImage, ...], AfterValidator(_without_repeats)]
    annotations: tuple[Annotation, ...] = ()
    categories: Annotated[tuple[Category, ...], AfterValidator(_without_repeats)]

    @cached_property
    def category_of(self) -> Mapping[int | str, Category]:
        """Return the categories by id."""
        return {category.id: category for category in self.categories}

    @cached_property
    def image_of(self) -> Mapping[str, CocoImage]:
        """Return the images by stem."""
        return {stem_of(image): image for image in self.images}

    @cached_property
    def conditions(self) -> Mapping[str, int]:
        """Return the conditions of images that have one, by stem."""
        return {
            stem: image.condition
            for stem, image in self.image_of.items()
            if image.condition is not None
        }

    @cached_property
    def annotations_of(self) -> Mapping[int | str, Sequence[Annotation]]:
        """Return the annotations by the id of their image, in the file's order."""
        by_image: dict[int | str, list[Annotation]] = {image.id: [] for image in self.images}
        for annotation in self.annotations:
            by_image[annotation.image_id].append(annotation)
        return by_image

    def has_region(self, annotation: Annotation) -> bool:
        """Return whether an object has a region. The service's exports add the box of keypoints, which is none."""
        is_of_export = self.category_of[annotation.category_id].is_of_export
        return annotation.has_region and not (is_of_export and annotation.is_box_of_keypoints)

    @cached_property
    def has_regions(self) -> bool:
        """Return whether any annotation has a region."""
        return bool(self.with_regions)

    @cached_property
    def with_regions(self) -> frozenset[int | str]:
        """Return the ids of categories with regions."""
        return frozenset(one.category_id for one in self.annotations if self.has_region(one))

    @cached_property
    def boxes_only(self) -> frozenset[int | str]:
        """Return the ids of categories whose every region is the box of an object with keypoints."""
        others = [one for one in self.annotations if not one.is_box_of_keypoints]
        return self.with_regions - {one.category_id for one in others if self.has_region(one)}

    @cached_property
    def crowds_only(self) -> frozenset[int | str]:
        """Return the ids of categories with only crowd regions. Some tools set `iscrowd` 1 for every RLE mask."""
        objects = [one for one in self.annotations if self.has_region(one) and not one.iscrowd]
        return self.with_regions - {one.category_id for one in objects}

    @cached_property
    def point_offset(self) -> float:
        """Return the offset (0.5 or 0) that makes the keypoint coordinates continuous.

        COCO's coordinates are pixel indices, whole numbers, and the pixel's center is 0.5 further. If a labelled point
        has a fraction or is on the right or lower edge, the coordinates are continuous already, as are those of the
        service's exports. Points of visibility 0 do not count.
        """
        if isinstance(self.info, dict) and self.info.get("keypoint_coordinates") == "continuous":
            return 0.0
        size_of = {image.id: (image.width, image.height) for image in self.images}
        is_index = all(
            number.is_integer() and number != side
            for annotation in self.annotations
            for point in labelled_points(annotation)
            for number, side in zip(point, size_of[annotation.image_id], strict=True)
        )
        return 0.5 if is_index else 0.0

    def with_decoded_names(self, stems: Container[str]) -> "CocoFile":
        """Return the content with the plain names of images that are among `stems` only by them: `my%20cat.png`."""
        images = tuple(_decoded(one, stems) for one in self.images)
        return self.model_copy(update={"images": images})

    def absent(self, stems: Container[str]) -> list[str]:
        """Return the file names of annotated images whose stem is not among these."""
        return [
            image.file_name
            for stem, image in self.image_of.items()
            if stem not in stems and self.annotations_of[image.id]
        ]

    def stems(self, task: TaskName) -> set[str]:
        """Return the stems of labelled images. If the file has regions, an image without one is all background."""
        if task == "segmentation":
            return set(self.image_of) if self.has_regions else set()
        if task == "keypoints":
            labelled = {one.image_id for one in self.annotations if one.has_keypoints}
            return {stem_of(image) for image in self.images if image.id in labelled}
        return set()


def stem_of(image: CocoImage) -> str:
    """Return the name by which an image is matched, without folders and suffix."""
    # Tools on Windows write backslashes in file names.
    return PurePosixPath(normalized(image.file_name).replace("\\", "/")).stem


def _decoded(image: CocoImage, stems: Container[str]) -> CocoImage:
    plain = image.model_copy(update={"file_name": unquote(image.file_name)})
    return plain if stem_of(image) not in stems and stem_of(plain) in stems else image


def read_coco(file: SpooledFile, limits: DecodeLimits, stems: Container[str] = ()) -> CocoFile:
    """Return the content of a file whose images have these stems. Label Studio percent-encodes their names.

    Raises `Refused` if it exceeds a limit or is inconsistent.
    """
    advice = "Send only the annotations of these images."
    text = read_text(file.path, file.name, limits.max_coco_bytes, advice)
    try:
        coco = CocoFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in place_of(first))
        prefix = f"{where}: " if where else ""
        advice = _PANOPTIC if '"segments_info"' in text else "Export the file again as COCO JSON."
        raise Refused(file.name, f"{prefix}{describe(first)} {advice}") from error
    # Sizes first: the other steps are linear in the annotations.
    _check_size(coco, file.name, limits)
    coco = coco.with_decoded_names(stems)
    try:
        check_unique_fields(text)
    except ValueError as error:
        raise Refused(file.name, str(error)) from error
    _check_ids(coco, file.name)
    _check_references(coco, file.name)
    _check_pixels(coco, file.name)
    return coco


def labelled_points(annotation: Annotation) -> Iterable[tuple[float, float]]:
    """Yield x and y of the labelled keypoints of an object."""
    numbers = annotation.keypoints or ()
    triples = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=False)
    return ((x, y) for x, y, visibility in triples if visibility)


def _check_pixels(coco: CocoFile, name: str) -> None:
    """Refuse regions or keypoints that are shares of the image: all of them would be in its first pixel."""
    regions = (number for one in coco.annotations for part in one.polygons for number in part)
    points = {point for one in coco.annotations for point in labelled_points(one)}
    for kind, numbers in (
        ("regions", regions),
        ("keypoints", (number for point in points for number in point)),
    ):
        if are_shares(numbers):
            detail = (
                f"Expected {kind} in pixels, got only coordinates from 0 to 1, which are probably shares of the width"
                " and height. Multiply them by the size of the image."
            )
            raise Refused(name, detail)


def _check_size(coco: CocoFile, name: str, limits: DecodeLimits) -> None:
    if len(coco.annotations) > limits.max_coco_annotations:
        detail = (
            f"Expected at most {limits.max_coco_annotations} annotations, got {len(coco.annotations)}."
            " Send only those of these images."
        )
        raise Refused(name, detail)
    num_vertices = sum(annotation.num_vertices for annotation in coco.annotations)
    num_vertices += sum(image.num_vertices for image in coco.images)
    if num_vertices > limits.max_coco_vertices:
        detail = (
            f"Expected at most {limits.max_coco_vertices} corners and runs in all regions, got {num_vertices}."
            " Simplify the polygons, or send fewer images."
        )
        raise Refused(name, detail)


def _check_ids(coco: CocoFile, name: str) -> None:
    """Refuse images or categories with the same id, because their annotations would be ambiguous."""
    for kind, ids in (
        ("images", [image.id for image in coco.images]),
        ("categories", [category.id for category in coco.categories]),
    ):
        repeated = _repeated(ids)
        if repeated:
            detail = (
                f"Expected different ids of {kind}, got {repeated[0]} twice. Export the file again."
            )
            raise Refused(name, detail)
    stems = _repeated([stem_of(image) for image in coco.images])
    if stems:
        detail = f"Expected different image names without folder and suffix, got '{stems[0][:64]}' twice. Rename one."
        raise Refused(name, detail)


def _repeated(values: Iterable[T]) -> list[T]:
    return [value for value, count in Counter(values).items() if count > 1]


def _check_references(coco: CocoFile, name: str) -> None:
    """Refuse annotations of missing images or categories."""
    images = {image.id for image in coco.images}
    for number, annotation in enumerate(coco.annotations):
        existing = {"image": images, "category": coco.category_of.keys()}
        ids = {"image": annotation.image_id, "category": annotation.category_id}
        for kind, one in ids.items():
            if one not in existing[kind]:
                detail = f"annotations.{number} refers to {kind} {one}, which the file does not have. Export it again."
                raise Refused(name, detail)
