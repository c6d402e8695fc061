"""Parse the options of a fit."""

import pytest

from handsoff_client import InvalidInput
from handsoff_client.cli.options import nested, parse_option


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("ensemble.steps=500", ("ensemble.steps", 500)),
        ("estimate=false", ("estimate", False)),
        ("ensemble=paper", ("ensemble", "paper")),
        ("ensemble.hidden=[64, 32]", ("ensemble.hidden", [64, 32])),
        ("min_tap_px=null", ("min_tap_px", None)),
        ("name=a=b", ("name", "a=b")),
        ("x=NaN", ("x", "NaN")),
        ("x=", ("x", "")),
    ],
)
def test_an_option_is_a_name_and_json_or_text(text: str, option: tuple[str, object]) -> None:
    """Numbers, words and lists. Other values are text, NaN too."""
    assert parse_option(text) == option


@pytest.mark.parametrize("text", ["ensemble.steps", "=5", "a..b=5", ".a=5", " a=5"])
def test_an_invalid_option_is_refused(text: str) -> None:
    """The message has an example."""
    with pytest.raises(ValueError, match=r"expected KEY=VALUE such as ensemble\.steps=500"):
        parse_option(text)


def test_dotted_options_become_one_object() -> None:
    """It is the object of the request."""
    options: list[tuple[str, object]] = [("ensemble.steps", 5), ("ensemble.rank", 8), ("a", False)]
    assert nested(options) == {"ensemble": {"steps": 5, "rank": 8}, "a": False}


@pytest.mark.parametrize(
    "options",
    [
        [("a", 1), ("a", 2)],
        [("a", 1), ("a.b", 2)],
        [("a.b", 1), ("a", 2)],
        [("a.b", 1), ("a.b.c", 2)],
    ],
)
def test_an_option_is_given_once(options: list[tuple[str, object]]) -> None:
    """The client does not guess which of two applies."""
    with pytest.raises(InvalidInput, match="Keep one"):
        nested(options)
