"""Promises of the ids."""

import time

from contracts.ids import new_id, uuid7_hex


def test_ids_sort_by_the_time_they_were_made() -> None:
    """An id made a millisecond later sorts later."""
    first = new_id("fit")
    time.sleep(0.002)
    assert first < new_id("fit")


def test_a_uuid_says_its_version() -> None:
    """The hexadecimal text is a UUID of version 7 and of the RFC's variant."""
    text = uuid7_hex()
    assert (len(text), text[12], text[16] in "89ab") == (32, "7", True)
