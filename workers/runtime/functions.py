"""Imports the worker functions that `contracts/kinds.py` names, and checks at a worker's start that they exist."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from contracts.kinds import Kinds


def import_function(dotted: str) -> Callable[..., Any]:
    """Return the function that `dotted` names.

    Raises:
        LookupError: the module or the function does not exist.
    """
    module, _, name = dotted.rpartition(".")
    try:
        function: Callable[..., Any] | None = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise  # the module exists; an import inside it fails
        function = None
    if not callable(function):
        raise LookupError(  # noqa: TRY004 - usually the attribute is missing
            f"expected a function {name} in the module {module}, found none;"
            " write it, or correct the row in contracts/kinds.py"
        )
    return function


def check_functions(kinds: Kinds) -> None:
    """Import every worker function that the rows name. Raises `LookupError` for the first that is missing."""
    for dotted in kinds.functions:
        import_function(dotted)
