"""A worker's start: every function that a row names exists, or the worker names the missing one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.kinds import FIT, Kind, Kinds
from workers.runtime.functions import check_functions, import_function


def with_task(**changes: Any) -> Kind:
    """Return the kind of fits with changes to its task."""
    return replace(FIT, tasks=(replace(FIT.tasks[0], **changes),))


def test_every_row_is_complete() -> None:
    """The kinds of the service have all their functions."""
    check_functions(Kinds())


@pytest.mark.parametrize("dotted", ["workers.nowhere.run", "workers.fitting.fits.nothing"])
def test_a_missing_function_is_named(dotted: str) -> None:
    """The message names the module and the function, and says what to do."""
    module, _, name = dotted.rpartition(".")
    advice = f"function {name} in the module {module}, found none; write it, or correct the row"
    for kind in (
        with_task(function=dotted),
        with_task(on_failure=dotted),
        replace(FIT, repair=dotted),
    ):
        with pytest.raises(LookupError, match=advice):
            check_functions(Kinds((kind,)))


def test_a_module_that_cannot_be_imported_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error shows the import that fails: writing the module again would not help."""
    (tmp_path / "half_written.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        import_function("half_written.run")
