"""A stated license becomes an id of the Hub."""

import pytest

from workers.rendering.documents.licenses import license_facts


@pytest.mark.parametrize(
    ("words", "hub_id"),
    [
        ("Apache-2.0", "apache-2.0"),
        ("MIT", "mit"),
        ("CC BY-NC 4.0", "cc-by-nc-4.0"),
        ("CC0", "cc0-1.0"),
        ("GPL-3.0-or-later", "gpl-3.0"),
        (" BSD-3-Clause\n", "bsd-3-clause"),
    ],
)
def test_a_license_is_spelled_as_the_hub_does(words: str, hub_id: str) -> None:
    """SPDX ids and common short names become the Hub's ids."""
    assert license_facts(words) == {"license": hub_id}


def test_a_license_in_other_words_is_quoted() -> None:
    """The Hub expects `other` and a name."""
    words = "NVIDIA Source Code License\n(non-commercial)"
    assert license_facts(words) == {
        "license": "other",
        "license_name": "NVIDIA Source Code License (non-commercial)",
    }


def test_without_a_license_there_is_no_name() -> None:
    """If no license is stated, the card claims none."""
    assert license_facts(" ") == {"license": "other"}
