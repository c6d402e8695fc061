"""The choice of the family that reads a checkpoint, and the references by which another process finds families."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.generators.import_options import ImportOptions
from tests.e2e.gradients import GradientFamily
from workers.checkpoints.checkpoint import BadValues, Checkpoint, CheckpointRefused, Recognized
from workers.families.family import family_named, read_checkpoint, reference_of, resolve
from workers.families.stylegan2 import StyleGan2


@dataclass(frozen=True)
class Refusing(GradientFamily):
    """A family that refuses every file with a given error."""

    refusal: CheckpointRefused

    def read_checkpoint(self, path: Path, options: ImportOptions) -> Checkpoint:
        raise self.refusal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a checkpoint of gradients."""
    path = tmp_path / "toy.json"
    path.write_text('{"gradients": 16}')
    return path


def test_the_first_family_that_accepts_a_file_reads_it(file: Path) -> None:
    """StyleGAN2 refuses it, and the next family accepts it."""
    family, checkpoint = read_checkpoint((StyleGan2(), GradientFamily()), file)
    assert family.contract.name == "gradients"
    assert checkpoint.generator.config == {"px": 16}


def test_the_first_familys_refusal_is_reported(file: Path) -> None:
    """The first family's message usually names the kind of file."""
    first, second = (Refusing(CheckpointRefused(name)) for name in ("first", "second"))
    with pytest.raises(CheckpointRefused, match="first"):
        read_checkpoint((first, second), file)


@pytest.mark.parametrize("refusal", [BadValues("has a flaw"), Recognized("has a flaw")])
def test_a_recognized_file_ends_the_search(file: Path, refusal: CheckpointRefused) -> None:
    """Its family reports the flaw, also after another family refused the file; the next family does not read it."""
    families = (StyleGan2(), Refusing(refusal), GradientFamily())
    with pytest.raises(type(refusal), match="has a flaw"):
        read_checkpoint(families, file)


def test_options_that_a_format_does_not_use_are_refused(file: Path) -> None:
    """They are never ignored, whichever family reads the file; the message names them."""
    options = ImportOptions(attention_order="head_major", px=64)
    with pytest.raises(
        Recognized, match="gradients takes no import options, got attention_order, px"
    ):
        read_checkpoint((StyleGan2(), GradientFamily()), file, options)


def test_another_process_finds_a_family_by_its_class() -> None:
    """The converting child creates a separate instance."""
    assert isinstance(resolve(reference_of(StyleGan2())), StyleGan2)


def test_an_unknown_name_is_refused() -> None:
    """The message contains the valid names: about.json of a built-in generator may contain a typo."""
    with pytest.raises(ValueError, match=r"\(stylegan2\), got 'stylegan'"):
        family_named((StyleGan2(),), "stylegan")
