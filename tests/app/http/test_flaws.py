"""Promises of the sentences about a caller's value."""

import re
import unicodedata
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticKnownError
from pydantic_core._pydantic_core import list_all_errors  # every error that pydantic can report

from app.fits.schemas import FitCreate
from app.http.flaws import (
    MAX_FLAW_CHARACTERS,
    Fault,
    faults_of,
    in_words,
    place_of,
    printable,
    quoted,
    shortened,
)
from contracts.ids import new_id
from contracts.schemas import LabelSchema

# Words that only a reader of pydantic's source understands, and the spelling of Python types.
JARGON = re.compile(
    r"function-(after|before|wrap)|\w+\[|literal_error|Input should|valid (string|integer|dictionary|tuple|list)"
    r"|instance of|None|True|False|pattern|UploadFile|Traceback|<class"
)
FIT: dict[str, object] = {"generator": "portraits-64", "labelset": new_id("labelset")}


def faults(shape: type[BaseModel], value: object) -> list[Fault]:
    """What is wrong with a value, in words."""
    with pytest.raises(ValidationError) as caught:
        shape.model_validate(value)
    return faults_of(caught.value.errors(), value)


# These two carry a sentence of our own validators.
OURS = {"value_error", "assertion_error"}
LIBRARY = [error for error in list_all_errors() if error["type"] not in OURS]


@pytest.mark.parametrize("error", LIBRARY, ids=lambda one: str(one["type"]))
def test_every_error_of_the_library_is_a_plain_sentence(error: Any) -> None:
    """Whatever pydantic finds, the sentence has no type of the program and none of the library's own words."""
    known = PydanticKnownError(error["type"], error["example_context"])
    said = in_words(
        {"type": error["type"], "msg": known.message(), "ctx": known.context or {}, "input": 7}
    )
    assert said.endswith(".")
    assert not JARGON.search(said), said
    assert "{" not in said


@pytest.mark.parametrize(
    ("options", "place", "sentence"),
    [
        ({"ensemble": "big"}, ("ensemble",), 'Expected \'compact\' or \'paper\', or an object, found "big".'),
        ({"ensemble": 7}, ("ensemble",), "Expected 'compact' or 'paper', or an object, found 7."),
        ({"ensemble": {"steps": 0}}, ("ensemble", "steps"), "Expected a number of at least 1, found 0."),
        ({"ensemble": {"hidden": [8]}}, ("ensemble", "hidden", 1), "It is missing."),
        ({"tasks": []}, ("tasks",), "Expected a length of at least 1, found 0."),
        ({"estimate": "perhaps"}, ("estimate",), 'Expected true or false, found "perhaps".'),
    ],
)  # fmt: skip
def test_a_choice_of_a_fit_is_refused_in_plain_words(
    options: dict[str, Any], place: tuple[str | int, ...], sentence: str
) -> None:
    """Each place is the caller's own, and the alternatives of one field are one sentence."""
    assert faults(FitCreate, FIT | {"options": options}) == [Fault(("options", *place), sentence)]


def test_the_shares_of_an_ensemble_are_refused_by_their_rule() -> None:
    """A rule over several fields is blamed on their object, without the name of the function that checks it."""
    shares = {"boundary_share": 0.8, "keypoint_share": 0.8}
    (fault,) = faults(FitCreate, FIT | {"options": {"ensemble": shares}})
    assert fault.place == ("options", "ensemble")
    assert "160%" in fault.sentence


def test_nested_lists_are_named_by_position() -> None:
    """A color of two numbers is found at its index."""
    schema = {"classes": ["a", "b"], "colors": [[0, 0, 0], [0, 0]]}
    (fault,) = faults(LabelSchema, schema)
    assert fault.place == ("colors", 1, 2)


def test_without_the_value_internal_names_are_left_out() -> None:
    """A decoder that kept no value names the fields alone."""
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
    """Controls, bidi overrides and half surrogate pairs are escapes; large values are named."""
    assert quoted(value) == shown


def test_a_quoted_value_is_short() -> None:
    """A value of 100 kB is cut, also where each character becomes six."""
    assert len(quoted("x" * 100_000)) <= 82
    assert len(quoted("\x00" * 100_000)) <= 82


def test_a_rule_that_quotes_much_is_cut() -> None:
    """A validator that repeats the caller's names does not make the sentence long."""
    names = ["c" * 60 + str(k % 120) for k in range(240)]
    (fault,) = faults(LabelSchema, {"classes": names})
    assert len(fault.sentence) == MAX_FLAW_CHARACTERS


def test_printable_text_has_no_unsafe_characters() -> None:
    """Over all of Unicode, nothing that controls, hides or reorders text is left."""
    for start in range(0, 0x110000, 0x1000):
        text = printable("".join(map(chr, range(start, start + 0x1000))))
        assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs"} for one in text)


def test_shortened_text_says_that_it_was_cut() -> None:
    """Three dots stand for the rest; text that fits is left alone."""
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abc..."
