"""One task of Label Studio: its image file, the annotation to use among several annotators, and its results."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from handsoff_client.converters.conversion import Choices, Notes, Size
from handsoff_client.converters.files import ImageFinder
from handsoff_client.converters.sources import found_image
from handsoff_client.uploads.packing import IMAGE_SUFFIXES
from handsoff_shards.errors import InvalidInput

Json = Mapping[str, Any]
KINDS = ("polygon", "brush", "ellipse", "rectangle", "keypoint")
_UPLOAD_PREFIX = 8
"""Label Studio puts 8 hexadecimal digits and a hyphen before the name of an uploaded file."""


@dataclass(frozen=True)
class Result:
    """One region or point: its kind, its only label, and the size of the image that it was drawn on."""

    id: str
    kind: str
    label: str
    size: Size
    value: Json

    def number(self, key: str) -> float:
        """Return a number of the value. Raises `InvalidInput` for anything else."""
        value = self.value.get(key)
        if not isinstance(value, int | float):
            raise InvalidInput(f"result {self.id}: expected a number as {key}, got {value!r}.")
        return float(value)


def annotation_of(task: Json, place: str, choices: Choices, notes: Notes) -> Json | None:
    """Return the annotation of a task; None without any. Raises `InvalidInput` for several."""
    listed = task.get("annotations") or task.get("completions") or []
    valid = [one for one in listed if not (one.get("was_cancelled") or one.get("skipped"))]
    if len(valid) < len(listed):
        notes.add("cancelled (skipped) annotations are not used", place)
    if choices.annotator is not None:
        valid = [one for one in valid if choices.annotator in _annotators(one)]
    if len(valid) > 1:
        names = ", ".join(sorted({name for one in valid for name in _annotators(one)[:1]}))
        advice = (
            "Choose one with --annotator" if choices.annotator is None else "Delete all but one"
        )
        raise InvalidInput(
            f"{place}: expected one annotation, got {len(valid)} (annotators {names}). {advice}."
        )
    if not listed and choices.missing_is_background:
        return {"result": []}
    if not valid:
        text = (
            "drafts and predictions are no annotations: submit them"
            if task.get("predictions")
            else ""
        )
        notes.add(f"tasks without an annotation are left out{'; ' if text else ''}{text}", place)
        return None
    chosen: Json = valid[0]
    return chosen


def image_of(
    task: Json, place: str, finder: ImageFinder, choices: Choices, notes: Notes
) -> Path | None:
    """Return the image file of a task."""
    name = _path_of(_url_of(task["data"], place, choices))
    path = finder.find(name)
    if path is None:
        # /data/upload/3/1a2b3c4d-photo.jpg is photo.jpg of the user.
        prefix, mark, original = PurePosixPath(name).name.partition("-")
        is_upload = mark and len(prefix) == _UPLOAD_PREFIX and _is_hexadecimal(prefix)
        path = finder.find(original) if is_upload else None
    return path or found_image(finder, name, place, choices, notes)


def results_of(annotation: Json, place: str, notes: Notes) -> list[Result]:
    """Return the regions and points of an annotation. A label may be in a separate result of the same id."""
    listed = [one for one in annotation.get("result") or [] if isinstance(one, Mapping)]
    labels: dict[str, list[str]] = {}
    for one in listed:
        value, kind = one.get("value") or {}, str(one.get("type", ""))
        labels.setdefault(str(one.get("id")), []).extend(
            value.get(kind) or [] if kind.endswith("labels") else []
        )
    images = {str(one.get("to_name")) for one in listed if _kind(one) in KINDS}
    if len(images) > 1:
        raise InvalidInput(
            f"{place}: it is of {len(images)} images ({', '.join(sorted(images))}). Give each task one image."
        )
    results: dict[str, Result] = {}
    for one in listed:
        kind = _kind(one)
        identity = str(one.get("id"))
        if kind in KINDS and (identity not in results):
            results[identity] = _result(one, kind, labels[identity], place)
        elif kind and kind not in KINDS:
            notes.add(f"results of the type '{one.get('type')}' are not used", place)
    return list(results.values())


def _kind(one: Json) -> str:
    return str(one.get("type", "")).removesuffix("labels")


def _result(one: Json, kind: str, labels: list[str], place: str) -> Result:
    identity = str(one.get("id"))
    names = list(dict.fromkeys(map(str, labels)))
    if len(names) != 1:
        raise InvalidInput(
            f"{place}, result {identity}: expected one label, got {', '.join(names) or 'none'}. Give each region"
            " one label."
        )
    if one.get("image_rotation"):
        raise InvalidInput(
            f"{place}: the image was rotated by {one['image_rotation']} degrees in the tool. Rotate the file"
            " itself, and label it again."
        )
    size = one.get("original_width"), one.get("original_height")
    match size:
        case (int() | float()) as width, (int() | float()) as height if (
            width % 1 == height % 1 == 0
        ):
            pixels = int(width), int(height)
            return Result(identity, kind, names[0], pixels, one.get("value") or {})
    raise InvalidInput(
        f"{place}, result {identity}: expected original_width and original_height in pixels, got {size}. Open and"
        " submit the task again."
    )


def _annotators(annotation: Json) -> list[str]:
    """Return the names by which an annotator can be chosen: the email if known, and the id."""
    author = annotation.get("completed_by")
    if isinstance(author, Mapping):
        return [str(author[key]) for key in ("email", "id") if author.get(key) is not None]
    return [str(author)]


def _url_of(data: Json, place: str, choices: Choices) -> str:
    """Return the address of the image: the field of `--image-key`, or the only one that looks like an image."""
    if choices.image_key is not None:
        url = data.get(choices.image_key)
        if not isinstance(url, str):
            raise InvalidInput(
                f"{place}: expected the image as data.{choices.image_key}, got {url!r}."
            )
        return url
    urls = {
        key: value
        for key, value in data.items()
        if isinstance(value, str) and _path_of(value).lower().endswith(IMAGE_SUFFIXES)
    }
    if len(urls) != 1:
        keys = ", ".join(urls or data)
        raise InvalidInput(
            f"{place}: expected one image in data, got {len(urls)} ({keys}). Name the field with --image-key."
        )
    return next(iter(urls.values()))


def _path_of(url: str) -> str:
    """Return the path of an address. `/data/local-files/?d=a/b.jpg` has it as `d`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    local = parse_qs(parts.query).get("d")
    path = local[0] if local else unquote(parts.path)
    return path.replace("\\", "/").lstrip("/")


def _is_hexadecimal(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text.lower())
