"""Read a Croissant with its own library: `python read_with_mlcroissant.py CROISSANT OUT.json`.

It runs in a separate environment. It writes the errors and warnings of the validation and, of each record set, the size
of each content by key.
"""

import json
import sys
from pathlib import Path
from typing import Any

import mlcroissant  # type: ignore[import-not-found]  # installed only in the other environment


def size_of(content: Any) -> Any:
    """Return what is compared: mode and pixels of a picture, and a text as JSON."""
    if isinstance(content, bytes):
        return json.loads(content)
    return [content.mode, list(content.getdata())]


def main(path: str, out: str) -> None:
    """Validate and read the document."""
    dataset = mlcroissant.Dataset(jsonld=path)
    issues = dataset.metadata.ctx.issues
    records = {}
    for record_set in dataset.metadata.record_sets:
        name = record_set.id
        rows = list(dataset.records(name))
        records[name] = {
            row[f"{name}/key"].decode(): size_of(row[f"{name}/content"]) for row in rows
        }
    found = {
        "errors": sorted(issues.errors),
        "warnings": sorted(issues.warnings),
        "records": records,
    }
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
