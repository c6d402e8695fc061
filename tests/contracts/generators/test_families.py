"""Families of generators in the contracts: facts are parsed by family, and unknown families are refused."""

import pytest
from pydantic import ValidationError

from contracts.base import Artefact, Model, now
from contracts.generators.families import (
    GENERATOR_FAMILIES,
    GeneratorFamily,
    StyleGan2Facts,
    UnknownFamily,
    facts_of,
)
from contracts.generators.generator import StoredGenerator, Weights
from contracts.ids import DEFAULT_TENANT

HALF = Artefact(key="half", sha256="0" * 64, num_bytes=1)


class Strokes(Model):
    """The facts of a family for these tests."""

    num_strokes: int


def stored_generator(architecture: str, **facts: int) -> StoredGenerator:
    """Return a generator of an architecture, with the facts of its family."""
    return StoredGenerator(
        tenant=DEFAULT_TENANT,
        id="faces",
        name="faces",
        created_at=now(),
        digest="0" * 64,
        architecture=architecture,
        height_px=32,
        width_px=32,
        weights=Weights(tensors=HALF, config=HALF),
        source="",
        license="",
        **facts,
    )


def test_facts_are_fields_of_the_record() -> None:
    """Version 0.1.0 stored `z_dim` beside `height_px`. The record can be written as JSON and read again."""
    generator = stored_generator("stylegan2-resnet", z_dim=8, w_dim=16, num_ws=10)
    text = generator.model_dump_json()
    assert '"z_dim":8' in text
    again = StoredGenerator.model_validate_json(text)
    assert again == generator
    facts = facts_of(again, GENERATOR_FAMILIES)
    assert facts == StyleGan2Facts(z_dim=8, w_dim=16, num_ws=10)


@pytest.mark.parametrize("facts", [{}, {"z_dim": 8, "w_dim": 8, "num_ws": 0}, {"num_strokes": 3}])
def test_a_familys_facts_are_checked(facts: dict[str, int]) -> None:
    """Facts that are missing, out of range, or of another family are refused."""
    with pytest.raises(ValidationError):
        facts_of(stored_generator("stylegan2", **facts), GENERATOR_FAMILIES)


def test_an_unknown_family_is_refused_by_name() -> None:
    """Without the row of its family, the record can be read but its facts cannot."""
    drawing = stored_generator("strokes", num_strokes=3)
    with pytest.raises(
        UnknownFamily, match=r"known family \(stylegan2, diffusion\).*'faces'.*'strokes'"
    ):
        facts_of(drawing, GENERATOR_FAMILIES)
    row = GeneratorFamily("strokes", Strokes)
    assert facts_of(drawing, (*GENERATOR_FAMILIES, row)) == Strokes(num_strokes=3)
