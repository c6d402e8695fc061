"""Checks the masks of an upload together: whether every class occurs, and whether 255 was meant as a class.

Many tools write a mask of two classes as 0 and 255, and 255 also is the usual value of pixels without a label.
"""

import io
from collections.abc import Sequence

from PIL import Image

from app.decoding.entries import Entry, Source
from app.decoding.images import encode_png
from app.decoding.protocol import DecodedEntry
from app.decoding.refusal import Refused

_MAX_NAMED = 10
_WHITE = 255


def checked_classes(source: Source, entries: Sequence[Entry]) -> tuple[DecodedEntry, ...]:
    """The decoded entries, masks of 0 and 255 read as two classes where nothing else can be meant.

    Raises `Refused` when unlabelled pixels stand beside a class that never occurs, when only one class occurs, and
    for a mask that labels nothing.
    """
    if not any(entry.mask_file for entry in entries):
        return tuple(entry.decoded for entry in entries)
    if _is_binary(source, entries):
        entries = [_as_two_classes(source, entry) for entry in entries]
        detail = f"The masks have the values 0 and 255: 255 was read as class '{source.labels.classes[1]}'."
        source.notices.add(
            "binary_masks_mapped", detail, *(e.mask_file for e in entries if e.mask_file)
        )
    for entry in entries:
        _check_labels_something(source, entry)
    _check_occurring(source, entries)
    return tuple(entry.decoded for entry in entries)


def _is_binary(source: Source, entries: Sequence[Entry]) -> bool:
    """Whether two classes were written as 0 and 255: 255 is not declared to be ignored, and class 1 never occurs."""
    masked = [entry for entry in entries if entry.mask_file]
    return (
        source.labels.num_classes == 2
        and source.labels.ignore_index == _WHITE
        and not source.is_ignore_declared
        and all(entry.is_indexed and not entry.decoded.class_pixels[1] for entry in masked)
        and any(entry.decoded.class_pixels[0] for entry in masked)
        and any(entry.decoded.ignored_pixels for entry in masked)
    )


def _as_two_classes(source: Source, entry: Entry) -> Entry:
    if entry.decoded.mask is None:
        return entry
    data = (source.out / entry.decoded.mask.file_name).read_bytes()
    mask = Image.open(io.BytesIO(data), formats=("PNG",)).point([0] * _WHITE + [1])
    counts = (entry.decoded.class_pixels[0], entry.decoded.ignored_pixels)
    changed = {
        "mask": source.save(encode_png(mask), "png"),
        "class_pixels": counts,
        "ignored_pixels": 0,
    }
    return Entry(entry.decoded.model_copy(update=changed), entry.mask_file, is_indexed=True)


def _check_labels_something(source: Source, entry: Entry) -> None:
    if entry.mask_file and not any(entry.decoded.class_pixels):
        detail = (
            f"All its pixels are {source.labels.ignore_index}, which is ignored: it labels nothing."
            " Label something in it, or leave it and its image out."
        )
        raise Refused(entry.mask_file, detail)


def _check_occurring(source: Source, entries: Sequence[Entry]) -> None:
    """Refuse masks that cannot teach what the schema declares; warn of classes that no mask has."""
    totals = [
        sum(column) for column in zip(*(e.decoded.class_pixels for e in entries), strict=True)
    ]
    empty = [index for index, total in enumerate(totals) if not total]
    num_occurring = len(totals) - len(empty)
    unlabelled = [e for e in entries if e.is_indexed and e.decoded.ignored_pixels]
    if empty and unlabelled and (num_occurring == 1 or not source.is_ignore_declared):
        raise _ambiguous(source, unlabelled[0], empty[0])
    if num_occurring == 1:
        only = source.labels.classes[next(i for i, total in enumerate(totals) if total)]
        file = next(entry.mask_file for entry in entries if entry.mask_file)
        detail = (
            f"Expected at least two classes in the masks, got only '{only}' in all of them: nothing can be told apart."
            f" Check that the masks hold the class indices 0 to {source.labels.num_classes - 1}."
        )
        raise Refused(file, detail)
    if empty:
        names = ", ".join(
            f"'{source.labels.classes[index]}' ({index})" for index in empty[:_MAX_NAMED]
        )
        more = f" and {len(empty) - _MAX_NAMED} more" if len(empty) > _MAX_NAMED else ""
        detail = f"No pixel is of class {names}{more}: it cannot be learnt. Add images that have it, or remove it."
        source.notices.add("empty_classes", detail)


def _ambiguous(source: Source, entry: Entry, empty: int) -> Refused:
    ignored = source.labels.ignore_index
    detail = (
        f"{entry.decoded.ignored_pixels} pixels have the value {ignored}, which is ignore_index (no label), while no"
        f" mask has a pixel of class '{source.labels.classes[empty]}' ({empty}). Write {empty} for that class. If"
        f' {ignored} does mean "no label", say so: "ignore_index": {ignored} in labelset.json.'
    )
    return Refused(entry.mask_file, detail)
