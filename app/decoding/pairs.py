"""Sorts the files of an upload into a schema and pairs of image and mask, by their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.decoding.refusal import Refused
from contracts.errors import Flaw

SCHEMA = "labelset.json"
_JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}
_LAYOUT = f"Expected images/NAME.png (or .jpg, .webp), masks/NAME.png and {SCHEMA}."
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True)
class Named:
    """A file and the name it came under."""

    name: str
    path: Path


@dataclass(frozen=True)
class Sorted:
    """The files by their part. Images and masks are keyed by stem."""

    schema: Path | None
    images: dict[str, Named]
    masks: dict[str, Named]


def sort_files(files: Mapping[str, Path]) -> Sorted:
    """The upload's files by their part. Raises `Refused` for none, and for one that has no part."""
    kept = {name: path for name, path in files.items() if not _JUNK & set(name.split("/"))}
    if not kept:
        raise Refused(None, f"The upload has no files. {_LAYOUT}")
    top = _common_folder(kept)
    images: dict[str, Named] = {}
    masks: dict[str, Named] = {}
    for name, path in kept.items():
        inner = name[len(top) :]
        if inner == SCHEMA:
            continue
        folder, _, _ = inner.partition("/")
        part = {"images": images, "masks": masks}.get(folder)
        if part is None or inner.count("/") != 1:
            raise Refused(name, f"This file has no place in a labelset. {_LAYOUT}")
        stem = _stem(name, inner)
        if stem in part:
            raise Refused(
                name, f"{part[stem].name} has the same name up to its suffix. Rename one."
            )
        part[stem] = Named(name, path)
    return Sorted(kept.get(top + SCHEMA), images, masks)


def check_pairs(found: Sorted, max_images: int) -> list[Flaw]:
    """Everything wrong with the pairs as such: none at all, too many, or one half missing."""
    if not found.images and not found.masks:
        return [Flaw(detail=f"The upload has no images. {_LAYOUT}")]
    if len(found.images) > max_images:
        detail = (
            f"{len(found.images)} images came; a labelset holds at most {max_images}. Send fewer."
        )
        return [Flaw(detail=detail)]
    return [
        *_lonely(found.images, found.masks, "masks/{stem}.png", "The image has no mask"),
        *_lonely(found.masks, found.images, "images/{stem}.png", "The mask has no image"),
    ]


def _lonely(
    these: Mapping[str, Named], those: Mapping[str, Named], wanted: str, complaint: str
) -> list[Flaw]:
    return [
        Flaw(
            file=these[stem].name,
            detail=f"{complaint}. Add {wanted.format(stem=stem)} or leave it out.",
        )
        for stem in sorted(these.keys() - those.keys())
    ]


def _stem(name: str, inner: str) -> str:
    stem = PurePosixPath(inner).stem
    if len(stem) > _MAX_NAME_LENGTH:
        raise Refused(
            name[:_MAX_NAME_LENGTH], f"The name is longer than {_MAX_NAME_LENGTH} characters."
        )
    return stem


def _common_folder(files: Mapping[str, Path]) -> str:
    """The one folder that everything lies in, with its slash, as when a folder was zipped; else nothing."""
    tops = {name.partition("/")[0] for name in files}
    top = next(iter(tops), "")
    is_wrapped = len(tops) == 1 and top not in ("images", "masks", SCHEMA)
    return f"{top}/" if is_wrapped else ""
