"""Promises of `models.targets.assignment`: which samples must contain a class depends on seed and index alone."""

from itertools import product

import numpy as np
import pytest

from models.targets.assignment import Assignment

PINNED = [False, False, True, False, True, False, True, False, False, True]


def flags(
    assignment: Assignment, indices: range
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return the values of some samples, one row each."""
    return np.array([assignment.of(index) for index in indices])


def test_assignments_never_change() -> None:
    """They are pinned: others would change every dataset with targets."""
    assigned = [assignment[0] for assignment in map(Assignment(7, [[0.4]]).of, range(10))]
    assert assigned == PINNED


@pytest.mark.parametrize("share", [0.02, 0.4, 0.97])
def test_any_run_of_samples_has_the_share(share: float) -> None:
    """The first 50 and a run of 1,000 far away differ from it by two samples at most."""
    assignment = Assignment(3, [[share]])
    for indices in (range(50), range(10**8, 10**8 + 1_000)):
        assert abs(flags(assignment, indices).sum() - share * len(indices)) <= 2


def test_groups_are_independent() -> None:
    """Each combination of two groups has the product of its shares, within 1%."""
    assigned = flags(Assignment(0, [[0.4], [0.1]]), range(4_000))
    for first, second in product((True, False), repeat=2):
        expected = (0.4 if first else 0.6) * (0.1 if second else 0.9)
        share = ((assigned[:, 0] == first) & (assigned[:, 1] == second)).mean()
        assert abs(share - expected) < 0.01


def test_classes_of_a_group_exclude_each_other() -> None:
    """Each sample has at most one of them, each as often as requested; shares of 1 together leave no sample without."""
    assigned = flags(Assignment(1, [[0.5, 0.3]]), range(1_000))
    assert assigned.sum(axis=1).max() == 1
    assert np.abs(assigned.mean(axis=0) - [0.5, 0.3]).max() < 0.005
    assert flags(Assignment(1, [[0.1] * 10]), range(1_000)).any(axis=1).all()


@pytest.mark.parametrize(("share", "value"), [(0.0, False), (1.0, True)])
def test_none_and_all_are_exact(share: float, value: bool) -> None:  # noqa: FBT001 - a parameter
    """A share of 0 assigns no sample, a share of 1 every sample."""
    assert (flags(Assignment(5, [[share]]), range(2_000)) == value).all()


def test_another_seed_assigns_other_samples() -> None:
    """Else sample 0 of every batch would have the same classes."""
    first = {seed: Assignment(seed, [[0.5]]).of(0)[0] for seed in range(20)}
    assert set(first.values()) == {True, False}


def test_too_many_groups_are_an_error() -> None:
    """There is one sequence for each of 16 primes."""
    with pytest.raises(ValueError, match="at most 16 groups, got 17"):
        Assignment(0, [[0.5]] * 17)
