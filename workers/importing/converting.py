"""The conversion of a checkpoint as a step of an import, with progress, cancellation and the operator's limits."""

from pathlib import Path

from contracts.generators.import_options import ImportOptions
from workers.importing.converting_process import Converted, convert_file, limits_for
from workers.runtime.jobs import Run

CHECKPOINT = "checkpoint"


def convert(run: Run, folder: Path, options: ImportOptions) -> Converted:
    """Convert `checkpoint` in `folder` into `generator` (safetensors + JSON) and, if it has one, `discriminator`.

    Raises `InvalidCheckpoint` when the file is refused or exceeds a limit. Ends the child when the job is cancelled.
    """
    path = folder / CHECKPOINT
    limits = limits_for(run.machine.settings, path.stat().st_size)
    families = run.machine.families
    return convert_file(
        path,
        folder,
        limits,
        families,
        on_wait=lambda: run.report_progress("reading", 0, 1),
        options=options,
    )
