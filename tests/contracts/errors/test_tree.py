"""Tests of the error tree."""

import contracts.errors.access
import contracts.errors.conflicts
import contracts.errors.foreign
import contracts.errors.jobs
import contracts.errors.limits
import contracts.errors.tree
from contracts.errors.tree import HandsOffError


def leaves(error: type[HandsOffError]) -> list[type[HandsOffError]]:
    """Return the error class and all its subclasses."""
    return [error, *(leaf for child in error.__subclasses__() for leaf in leaves(child))]


def test_the_drawn_tree_is_the_real_one() -> None:
    """The docstring draws every error with its status and code."""
    drawn = (contracts.errors.tree.__doc__ or "").splitlines()
    own = [leaf for leaf in leaves(HandsOffError) if leaf.__module__.startswith("contracts.")]
    for leaf in own[1:]:
        (line,) = [line for line in drawn if f"── {leaf.__name__} " in line]
        assert f" {leaf.status}  {leaf.code} " in f"{line} "


def test_codes_are_unique() -> None:
    """Each error has its own code."""
    codes = [leaf.code for leaf in leaves(HandsOffError)]
    assert len(codes) == len(set(codes))
