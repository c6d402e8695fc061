"""Keys in the store of the items that are made on demand, below the job that owns them (`state/keys.py`)."""

from contracts.exports import ExportRef
from contracts.generators.sheets import SheetRef
from state.keys import job_prefix


def export_zip(export: ExportRef, sha256: str) -> str:
    """Return the key of the archive of an export."""
    return f"{job_prefix(export.batch)}/exports/{export.variant}/{sha256}.zip"


def export_record(export: ExportRef) -> str:
    """Return the key of the record of an export."""
    return f"{job_prefix(export.batch)}/exports/{export.variant}.json"


def sheet_picture(sheet: SheetRef, sha256: str) -> str:
    """Return the key of the picture of a sheet."""
    return f"{job_prefix(sheet.generator)}/sheets/{sheet.variant}/{sha256}.png"


def sheet_record(sheet: SheetRef) -> str:
    """Return the key of the record of a sheet."""
    return f"{job_prefix(sheet.generator)}/sheets/{sheet.variant}.json"
