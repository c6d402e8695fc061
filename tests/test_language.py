"""The counted phrases of `tests/language.py` are rare in every room: at most 3 in 10,000 words."""

from pathlib import Path

import pytest

from tests.language import PATTERNS, rates, tracked

MAX_RATE = 3.0
PHRASE = "no" + "body"  # in two parts, so that this file does not contain it


@pytest.fixture(scope="module")
def present() -> dict[str, float]:
    """Return the rate of each room of the checkout."""
    return rates(tracked())


def test_every_room_is_written_in_plain_english(present: dict[str, float]) -> None:
    """`python -m tests.language` lists the phrases to rewrite."""
    too_high = {room: round(rate, 1) for room, rate in present.items() if rate > MAX_RATE}
    assert too_high == {}


def test_one_phrase_in_ten_words_is_counted(tmp_path: Path) -> None:
    """Strings and comments are read, names and numbers are not: 1 in 10 is 1,000 in 10,000."""
    file = tmp_path / "prose.py"
    file.write_text(
        f'"""Five words are before {PHRASE} here."""\n\nnames = 5  # four words more follow\n'
    )
    assert rates([str(file)]) == {"": 1_000.0}
    file.write_text(file.read_text().replace(PHRASE, "any person"))
    assert rates([str(file)]) == {"": 0.0}


@pytest.mark.parametrize("text", ["Nothing happens", "The anewly written word", "became"])
def test_a_part_of_a_word_is_not_counted(text: str) -> None:
    """Phrases are whole words."""
    assert PATTERNS.search(text) is None
