"""Checks all masks of an upload together: which classes occur, and whether 255 is a class or "no label".

Many tools write a mask of two classes as 0 and 255, but 255 is also the usual value of unlabelled pixels.
"""

import io
from collections.abc import Sequence

from PIL import Image

from app.decoding.entries import Entry, EntryDecoder
from app.decoding.images import encode_png
from app.decoding.protocol import DecodedEntry
from app.decoding.refusal import Refused

_MAX_NAMED = 10
_WHITE = 255


def check_classes(decoder: EntryDecoder, entries: Sequence[Entry]) -> tuple[DecodedEntry, ...]:
    """Return the decoded entries; masks of 0 and 255 become two classes if that is their only meaning.

    Raises `Refused` if masks have unlabelled pixels while a class never occurs, if only one class occurs, and for a
    mask that labels nothing.
    """
    if not any(entry.mask_file for entry in entries):
        return tuple(entry.decoded for entry in entries)
    # Before all other checks: mapped masks have no ignored pixels any more.
    if _is_binary(decoder, entries):
        entries = [_as_two_classes(decoder, entry) for entry in entries]
        detail = f"The masks have the values 0 and 255: 255 was read as class '{decoder.labels.classes[1]}'."
        decoder.notices.add(
            "binary_masks_mapped", detail, *(e.mask_file for e in entries if e.mask_file)
        )
    for entry in entries:
        _check_labels_something(decoder, entry)
    _check_occurring(decoder, entries)
    _note_similar(decoder)
    _note_binary(decoder, entries)
    return tuple(entry.decoded for entry in entries)


def _is_binary(decoder: EntryDecoder, entries: Sequence[Entry]) -> bool:
    """Return whether two classes were written as 0 and 255: 255 is not declared as ignored, class 1 never occurs."""
    masked = [entry for entry in entries if entry.mask_file]
    return (
        decoder.labels.num_classes == 2
        and decoder.labels.ignore_index == _WHITE
        and not decoder.is_ignore_declared
        and all(entry.is_indexed and not entry.decoded.class_pixels[1] for entry in masked)
        and any(entry.decoded.class_pixels[0] for entry in masked)
        and any(entry.decoded.ignored_pixels for entry in masked)
    )


def _note_binary(decoder: EntryDecoder, entries: Sequence[Entry]) -> None:
    """Warn about masks of class 0 and undeclared ignored pixels: the object may be written as 255 in these alone."""
    files = [
        entry.mask_file
        for entry in entries
        if entry.mask_file and entry.is_indexed and entry.decoded.ignored_pixels
        if not any(entry.decoded.class_pixels[1:])
    ]
    if files and not decoder.is_ignore_declared:
        ignored = decoder.labels.ignore_index
        detail = (
            f"Some masks have only the values 0 and {ignored}, which was read as no label. If it is a class, write its"
            f' index; otherwise declare it: "ignore_index": {ignored} in labelset.json.'
        )
        decoder.notices.add("binary_masks_ignored", detail, *files)


def _note_similar(decoder: EntryDecoder) -> None:
    """Warn about classes whose names differ only in case and spaces: one of them is probably misspelt."""
    by_form: dict[str, str] = {}
    for name in decoder.labels.classes:
        other = by_form.setdefault("".join(name.casefold().split()), name)
        if other != name:
            detail = (
                f"The classes '{other}' and '{name}' differ only in case or spaces. Give their labels one name if they"
                " are one class."
            )
            decoder.notices.add("similar_names", detail)


def _as_two_classes(decoder: EntryDecoder, entry: Entry) -> Entry:
    if entry.decoded.mask is None:
        return entry
    data = (decoder.out / entry.decoded.mask.file_name).read_bytes()
    # Values 0 to 254 become class 0 and 255 becomes class 1; only 0 and 255 occur here.
    mask = Image.open(io.BytesIO(data), formats=("PNG",)).point([0] * _WHITE + [1])
    counts = (entry.decoded.class_pixels[0], entry.decoded.ignored_pixels)
    changed = {
        "mask": decoder.save(encode_png(mask), "png"),
        "class_pixels": counts,
        "ignored_pixels": 0,
    }
    return Entry(entry.decoded.model_copy(update=changed), entry.mask_file, is_indexed=True)


def _check_labels_something(decoder: EntryDecoder, entry: Entry) -> None:
    if entry.mask_file and not any(entry.decoded.class_pixels):
        detail = (
            f"Expected labelled pixels in the mask, got only {decoder.labels.ignore_index}, which is ignored."
            " Label some pixels, or remove the mask and its image."
        )
        raise Refused(entry.mask_file, detail)


def _check_occurring(decoder: EntryDecoder, entries: Sequence[Entry]) -> None:
    """Refuse masks that cannot train the declared classes; warn about classes that no mask has."""
    totals = [
        sum(column) for column in zip(*(e.decoded.class_pixels for e in entries), strict=True)
    ]
    empty = [index for index, total in enumerate(totals) if not total]
    num_occurring = len(totals) - len(empty)
    # Only masks of indices are ambiguous: colors are declared.
    unlabelled = [e for e in entries if e.is_indexed and e.decoded.ignored_pixels]
    # The ignored pixels may be the missing class, as when a tool writes 0 and 255.
    if empty and unlabelled and (num_occurring == 1 or not decoder.is_ignore_declared):
        raise _ambiguous(decoder, unlabelled[0], empty[0])
    if num_occurring == 1:
        only = decoder.labels.classes[next(i for i, total in enumerate(totals) if total)]
        file = next(entry.mask_file for entry in entries if entry.mask_file)
        detail = (
            f"Expected at least two classes in the masks, got only '{only}' in all of them."
            f" Check that the masks have the class indices 0 to {decoder.labels.num_classes - 1}."
        )
        raise Refused(file, detail)
    if empty:
        names = ", ".join(
            f"'{decoder.labels.classes[index]}' ({index})" for index in empty[:_MAX_NAMED]
        )
        more = f" and {len(empty) - _MAX_NAMED} more" if len(empty) > _MAX_NAMED else ""
        detail = f"No mask has a pixel of class {names}{more}. Add images with it, or remove it from the schema."
        decoder.notices.add("empty_classes", detail)


def _ambiguous(decoder: EntryDecoder, entry: Entry, empty: int) -> Refused:
    ignored = decoder.labels.ignore_index
    advice = (
        f'If {ignored} means "no label", declare it: "ignore_index": {ignored} in labelset.json.'
    )
    if decoder.is_ignore_declared:
        advice = "Or remove ignore_index from labelset.json, or add labels of a second class."
    detail = (
        f"{entry.decoded.ignored_pixels} pixels have the value {ignored}, which is ignore_index (no label), but no"
        f" mask has a pixel of class '{decoder.labels.classes[empty]}' ({empty}). Write {empty} for that class."
        f" {advice}"
    )
    return Refused(entry.mask_file, detail)
