"""Classes of a label schema, and digests of labelsets."""

import pytest
from pydantic import ValidationError

from contracts.base import Artefact
from contracts.digests import sha256_of
from contracts.labelsets import LabelsetEntry, labelset_digest
from contracts.schemas import LabelSchema

LABELS = LabelSchema(classes=("background", "skin"))


def entry(name: str, mask: str = "mask") -> LabelsetEntry:
    """Return an entry whose image and mask have the digests of words."""

    def pin(word: str) -> Artefact:
        return Artefact(key=word, sha256=sha256_of(word.encode()), num_bytes=1)

    return LabelsetEntry(
        name=name,
        image=pin("image"),
        mask=pin(mask),
        height_px=1,
        width_px=1,
        class_pixels=(1, 0),
        ignored_pixels=0,
    )


def test_class_names_differ() -> None:
    """A duplicate class name is refused; the error has the name."""
    with pytest.raises(ValidationError, match="skin occur more than once"):
        LabelSchema(classes=("skin", "skin"))


def test_the_ignored_value_is_not_a_class() -> None:
    """An ignore_index that is also a class is refused."""
    with pytest.raises(ValidationError, match="also the index of class 'skin'"):
        LabelSchema(classes=("background", "skin"), ignore_index=1)


def test_the_digest_does_not_depend_on_order() -> None:
    """The same entries in another order have the same digest."""
    a, b = entry("a"), entry("b")
    assert labelset_digest(LABELS, (a, b)) == labelset_digest(LABELS, (b, a))


def test_the_digest_depends_on_every_mask() -> None:
    """A different mask changes the digest."""
    assert labelset_digest(LABELS, (entry("a"),)) != labelset_digest(LABELS, (entry("a", "new"),))


def test_the_digest_depends_on_the_schema() -> None:
    """Different class names change the digest."""
    other = LabelSchema(classes=("background", "hair"))
    assert labelset_digest(LABELS, (entry("a"),)) != labelset_digest(other, (entry("a"),))


def test_the_digest_depends_on_every_condition() -> None:
    """A different class of an image changes the digest. Labelsets without conditions keep the digest of version 0.2."""
    plain, first, second = (
        entry("a").model_copy(update={"condition": condition}) for condition in (None, 0, 1)
    )
    digests = [labelset_digest(LABELS, (one,)) for one in (plain, first, second)]
    assert len(set(digests)) == 3
    assert digests[0] == "77c94c0915ab0af693f77a1c3372948858b1c5fbaa5a8b62c8cd605d3aadfd71"
