"""A sheet: one picture of small samples of a generator, drawn on the first request and kept with the generator.

A sheet is not a job. Its options have few values, so the sheets of a generator are limited in number.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field

from contracts.base import Artefact, Model, Timestamp
from contracts.jobs import JobRef

SheetView = Literal["samples", "walk"]
"""`samples`: independent samples. `walk`: a closed path through some samples, row by row."""
SHEET_VIEWS: tuple[SheetView, ...] = get_args(SheetView)

COLUMNS, ROWS = 8, 3
"""The cells of a sheet. A row of a walk leads from one sample to the next, the last one back to the first."""
NUM_CELLS = COLUMNS * ROWS
NUM_SHEET_SEEDS = 8
TRUNCATION_STEP = 10
"""In percent."""


class SheetRef(Model):
    """Reference to one sheet: `default/portraits-64/walk-70-0-9247608cd677`.

    `digest` is the beginning of the generator's, because a built-in generator may be published again.
    """

    generator: JobRef
    view: SheetView = "samples"
    truncation_percent: Annotated[
        int, Field(ge=TRUNCATION_STEP, le=100, multiple_of=TRUNCATION_STEP)
    ] = 70
    seed: Annotated[int, Field(ge=0, lt=NUM_SHEET_SEEDS)] = 0
    digest: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]

    def __str__(self) -> str:
        return f"{self.generator}/{self.variant}"

    @property
    def owner(self) -> JobRef:
        """The generator."""
        return self.generator

    @property
    def part(self) -> str:
        """The variant."""
        return self.variant

    @property
    def variant(self) -> str:
        """All options as one word. Each variant is a picture."""
        return f"{self.view}-{self.truncation_percent}-{self.seed}-{self.digest}"

    @property
    def truncation(self) -> float:
        """The truncation psi; 1 is none."""
        return self.truncation_percent / 100

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference in the text that `str` returns. Raises `ValueError` for other text."""
        generator, _, variant = text.rpartition("/")
        view, percent, seed, digest = variant.split("-")
        fields = {"view": view, "truncation_percent": int(percent), "seed": int(seed)}
        ref = JobRef.parse(generator)
        return cls.model_validate({**fields, "generator": ref, "digest": digest})


class SheetRecord(Model):
    """`sheets/{variant}.json`: the picture (PNG) of a sheet, cells of the same size without gaps."""

    picture: Artefact
    finished_at: Timestamp
