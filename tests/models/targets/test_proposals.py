"""Promises of `models.targets.proposals`: the chosen attempt is the first that passes, whatever is asked together."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.sampling import AcceptanceTooLow, Candidate, draw_accepted
from models.targets import proposals
from models.targets.proposals import NoCodePasses, Proposals

PASSING = {0: (0, 30), 1: (5, 9), 2: (41,)}
"""The attempts of each sample that pass."""


def vectors(candidates: Sequence[Candidate]) -> Tensor:
    """Return a vector of 1 for a candidate that passes, else 0."""
    return torch.tensor([[float(one.attempt in PASSING[one.index])] for one in candidates])


CHOICE = Proposals(vectors, lambda found, _: found[:, 0] > 0)


def test_the_first_passing_attempt_is_chosen() -> None:
    """Each candidate advances to it, in the order of the request, across several blocks of codes."""
    together = CHOICE.advance([Candidate(2), Candidate(0), Candidate(1)])
    assert together == [Candidate(2, 41), Candidate(0, 0), Candidate(1, 5)]
    alone = [CHOICE.advance([Candidate(index)])[0] for index in (2, 0, 1)]
    assert alone == together


def test_a_rejected_sample_goes_on_behind_its_last_attempt() -> None:
    """Skipped attempts are not rendered, and rendered ones not twice."""
    seen: list[Candidate] = []

    def render(candidates: list[Candidate]) -> list[Candidate]:
        seen.extend(candidates)
        return candidates

    drawn = draw_accepted(
        [0, 1],
        render,
        lambda candidate: candidate.attempt > 5,
        micro_batch=4,
        max_attempts=2,
        advance=CHOICE.advance,
    )
    assert dict.fromkeys(one for one, _ in drawn) == {Candidate(0, 30): None, Candidate(1, 9): None}
    assert seen == [Candidate(0, 0), Candidate(1, 5), Candidate(0, 30), Candidate(1, 9)]


def test_attempts_are_counted_by_renderings() -> None:
    """Skipped codes cost nothing, so only rendered candidates use up the limit."""
    with pytest.raises(AcceptanceTooLow, match="none of 2 candidates of sample 1"):
        list(
            draw_accepted(
                [1],
                list,
                lambda _: False,
                micro_batch=4,
                max_attempts=2,
                advance=CHOICE.advance,
            )
        )


def test_a_sample_without_a_passing_code_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of codes has a limit, so a worker never searches for ever."""
    monkeypatch.setattr(proposals, "MAX_CODES", 100)
    choice = Proposals(vectors, lambda found, _: found[:, 0] > 1)
    with pytest.raises(NoCodePasses, match="none of 100 codes of sample 2"):
        choice.advance([Candidate(2)])
