"""Draws one sheet of a generator for people who look at it: some samples, or a walk between samples, at a truncation.

The sheet of an import (`workers/importing/generator_samples.py`) is made once; these are made on the first request.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from contracts.accounts.usage import Usage
from contracts.base import now
from contracts.digests import sha256_of
from contracts.errors.jobs import InputMissing
from contracts.generators.sheets import COLUMNS, NUM_CELLS, ROWS, SheetRecord, SheetRef
from models.labels.label_generator import to_bytes
from models.sampling import Candidate, CandidateDraws, Draws, WalkDraws
from state import records
from state.on_demand import paths
from state.on_demand.kinds import SHEETS
from workers.codecs.images import Pixels, encode_image
from workers.families.family import load_generator
from workers.importing.generator_samples import cell, grid
from workers.runtime import on_demand
from workers.runtime.artefacts import write_artefact
from workers.runtime.machine import Machine


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Draw one sheet, unless it exists."""
    on_demand.make(machine, SHEETS, argument, attempt, partial(_draw, machine))


def fail_for_good(machine: Machine, argument: str, error: BaseException) -> None:
    """Report a sheet whose last retry has failed."""
    on_demand.fail_for_good(machine, SHEETS, argument, error)


def _draw(machine: Machine, sheet: SheetRef) -> SheetRecord:
    """Draw and store one sheet, and return its record. Raises `InputMissing` when its generator is gone."""
    ref = sheet.generator
    stored = records.read_generator(machine.store, ref.tenant, ref.id)
    if stored is None or not stored.digest.startswith(sheet.digest):
        raise InputMissing(
            f"Expected the generator '{ref.id}' with a digest that begins with {sheet.digest}, found another or none."
            " Open its page again."
        )
    generator = load_generator(machine.loader, machine.families, stored, machine.settings.precision)

    def work(cells: Sequence[int]) -> Tensor:
        machine.pulse.beat()
        codes = generator.sample(_draws(sheet, cells), sheet.truncation)
        return generator.synthesize(codes).images.cpu()

    parts = machine.micro_batches.run(
        "sheet",
        stored.digest,
        range(NUM_CELLS),
        work,
        largest=machine.micro_batches.max_size(generator.layout.synthesis_bytes),
    )
    cells: list[Pixels] = [
        cell(pixels) for images in parts for pixels in to_bytes(images.clamp(-1, 1)).numpy()
    ]
    data = encode_image(grid(cells, COLUMNS))
    key = paths.sheet_picture(sheet, sha256_of(data))
    picture = write_artefact(machine.store, key, data, "image/png")
    machine.usage.add(ref.tenant, Usage(written_bytes=picture.num_bytes))
    return SheetRecord(picture=picture, finished_at=now())


def _draws(sheet: SheetRef, cells: Sequence[int]) -> Draws:
    """Return the draws of some cells. Samples are the first ones of a batch with the same seed."""
    if sheet.view == "walk":
        return WalkDraws(sheet.seed, [each / COLUMNS for each in cells], ROWS)
    return CandidateDraws(sheet.seed, [Candidate(each) for each in cells])
