"""Tests of the messages about a caller's value."""

import re
import unicodedata
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticKnownError
from pydantic_core._pydantic_core import list_all_errors  # all error types of pydantic

from app.fits.schemas import FitCreate
from app.messages import (
    MAX_FLAW_CHARACTERS,
    Fault,
    describe,
    faults_of,
    place_of,
    printable,
    quoted,
    shortened,
)
from contracts.ids import new_id
from contracts.schemas import LabelSchema

# Words of pydantic's source code and names of Python types.
JARGON = re.compile(
    r"function-(after|before|wrap)|\w+\[|literal_error|Input should|valid (string|integer|dictionary|tuple|list)"
    r"|instance of|None|True|False|pattern|UploadFile|Traceback|<class"
)
FIT: dict[str, object] = {"generator": "portraits-64", "labelset": new_id("labelset")}


def faults(model: type[BaseModel], value: object) -> list[Fault]:
    """Return the errors of a value."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return faults_of(caught.value.errors(), value)


# These two carry the message of our validators.
OWN = {"value_error", "assertion_error"}
LIBRARY = [error for error in list_all_errors() if error["type"] not in OWN]


@pytest.mark.parametrize("error", LIBRARY, ids=lambda one: str(one["type"]))
def test_every_error_of_the_library_is_a_plain_sentence(error: Any) -> None:
    """The sentence for any pydantic error has no Python type and no word of the library."""
    known = PydanticKnownError(error["type"], error["example_context"])
    sentence = describe(
        {"type": error["type"], "msg": known.message(), "ctx": known.context or {}, "input": 7}
    )
    assert sentence.endswith(".")
    assert not JARGON.search(sentence), sentence
    assert "{" not in sentence


@pytest.mark.parametrize(
    ("options", "place", "sentence"),
    [
        ({"ensemble": "big"}, ("ensemble",), 'Expected \'compact\' or \'paper\', or an object, got "big".'),
        ({"ensemble": 7}, ("ensemble",), "Expected 'compact' or 'paper', or an object, got 7."),
        ({"ensemble": {"steps": 0}}, ("ensemble", "steps"), "Expected a number of at least 1, got 0."),
        ({"ensemble": {"hidden": [8]}}, ("ensemble", "hidden", 1), "Expected a value, got none."),
        ({"tasks": []}, ("tasks",), "Expected a length of at least 1, got 0."),
        ({"estimate": "perhaps"}, ("estimate",), 'Expected true or false, got "perhaps".'),
    ],
)  # fmt: skip
def test_an_invalid_fit_option_is_described(
    options: dict[str, Any], place: tuple[str | int, ...], sentence: str
) -> None:
    """The location is that in the caller's body, and alternatives of one field are one sentence."""
    assert faults(FitCreate, FIT | {"options": options}) == [Fault(("options", *place), sentence)]


def test_a_rule_over_several_fields_points_to_their_object() -> None:
    """The location is the object of the fields, without the name of the validator."""
    shares = {"boundary_share": 0.8, "keypoint_share": 0.8}
    (fault,) = faults(FitCreate, FIT | {"options": {"ensemble": shares}})
    assert fault.place == ("options", "ensemble")
    assert "160%" in fault.sentence


def test_nested_lists_are_located_by_index() -> None:
    """A color of two numbers is located by its index."""
    schema = {"classes": ["a", "b"], "colors": [[0, 0, 0], [0, 0]]}
    (fault,) = faults(LabelSchema, schema)
    assert fault.place == ("colors", 1, 2)


def test_without_the_value_internal_names_are_removed() -> None:
    """Without the value, the location has only the caller's field names and indices."""
    adapter = TypeAdapter(dict[str, tuple[tuple[float, ...], ...] | int])
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python({"polygons": [["x"]]})
    places = [place_of(error) for error in caught.value.errors()]
    assert places == [("polygons", 0, 0), ("polygons",)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x00b", '"a\\u0000b"'),
        ("\x85\x9b", '"\\u0085\\u009b"'),
        ("\u202egnp.exe", '"\\u202egnp.exe"'),
        ("\ud800", '"\\ud800"'),
        ("é 日本", '"é 日本"'),
        (10**4_000, "a number of more than 38 digits"),
        (float("inf"), "Infinity"),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "an object"),
        (None, "null"),
    ],
)
def test_a_quoted_value_is_safe_to_show(value: object, shown: str) -> None:
    """Controls, bidi overrides and lone surrogates are escaped; large values are described."""
    assert quoted(value) == shown


def test_a_quoted_value_is_short() -> None:
    """A value of 100 kB is cut, also if each character is escaped to six."""
    assert len(quoted("x" * 100_000)) <= 82
    assert len(quoted("\x00" * 100_000)) <= 82


def test_a_long_message_of_a_validator_is_cut() -> None:
    """A validator that repeats many of the caller's names gives at most 300 characters."""
    names = ["c" * 60 + str(k % 120) for k in range(240)]
    (fault,) = faults(LabelSchema, {"classes": names})
    assert len(fault.sentence) == MAX_FLAW_CHARACTERS


def test_printable_text_has_no_unsafe_characters() -> None:
    """No character of Unicode that controls, hides or reorders text is left."""
    for start in range(0, 0x110000, 0x1000):
        text = printable("".join(map(chr, range(start, start + 0x1000))))
        assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs"} for one in text)


def test_shortened_text_shows_the_cut() -> None:
    """A cut text ends in three dots; text that fits is unchanged."""
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abc..."
