"""Finds the values of JSON that pydantic would convert: text to numbers, truth values to 1 and 0.

The JSON is compared with the value that was read from it. So validators of any kind may change it in other ways.
"""

from collections.abc import Iterator
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

T = TypeVar("T")
Place = tuple[str | int, ...]
_KINDS = {bool: "bool_type", int: "int_type", float: "float_type", str: "string_type"}
"""pydantic's name of the error, by the type that was expected."""


def read_exactly(expected: TypeAdapter[T], sent: object) -> T:
    """Return the value of JSON. Raises `ValidationError` for an invalid or a converted value."""
    read = expected.validate_python(sent)
    understood = expected.dump_python(read, mode="json", by_alias=True)
    errors = list(_compare(sent, understood, ()))
    if errors:
        raise ValidationError.from_exception_data("converted", errors)
    return read


def _compare(sent: object, understood: object, place: Place) -> Iterator[InitErrorDetails]:
    """Yield an error for each scalar that was understood as one of another kind."""
    if isinstance(sent, dict) and isinstance(understood, dict):
        for name, value in sent.items():
            yield from _compare(value, understood.get(name), (*place, name))
    elif isinstance(sent, list) and isinstance(understood, list):
        for number, pair in enumerate(zip(sent, understood, strict=False)):
            yield from _compare(*pair, (*place, number))
    elif type(sent) in _KINDS and type(understood) in _KINDS and not _are_alike(sent, understood):
        yield {"type": _KINDS[type(understood)], "loc": place, "input": sent}


def _are_alike(sent: object, understood: object) -> bool:
    """Return whether two scalars are of one kind. JSON has one kind of number."""
    kinds = {float if type(one) is int else type(one) for one in (sent, understood)}
    return len(kinds) == 1
