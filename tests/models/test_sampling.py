"""Promises of `models.sampling`: latents and accepted candidates are functions of seed, index and attempt alone."""

import pytest
import torch

from models.sampling import (
    AcceptanceTooLow,
    Candidate,
    CandidateDraws,
    RandomDraws,
    Stream,
    draw_accepted,
    draw_conditions,
    latents,
)

PINNED = [
    -1.103711724281311,
    1.942571759223938,
    -0.5177074074745178,
    -1.3340895175933838,
    -1.564253807067871,
]

PINNED_CLASSES = [7, 7, 3, 7, 7, 3, 3, 3, 0, 0, 0, 3, 3, 0, 7, 7, 3, 3, 3, 0]


def test_a_latent_does_not_depend_on_the_other_candidates() -> None:
    """Sample 17 is the same alone and among others, in any order."""
    alone = latents(5, [Candidate(17)], 8)
    together = latents(5, [Candidate(3), Candidate(17), Candidate(9)], 8)
    assert torch.equal(alone[0], together[1])


@pytest.mark.parametrize(
    "other",
    [
        latents(6, [Candidate(17)], 8),
        latents(5, [Candidate(18)], 8),
        latents(5, [Candidate(17, 1)], 8),
        latents(5, [Candidate(17)], 8, Stream.PILOT),
    ],
    ids=["seed", "index", "attempt", "stream"],
)
def test_every_part_of_the_key_matters(other: torch.Tensor) -> None:
    """Another seed, index, attempt or stream gives another latent."""
    assert not torch.equal(latents(5, [Candidate(17)], 8), other)


def test_latents_never_change() -> None:
    """The numbers are pinned: other numbers would change every dataset of every user."""
    pinned = torch.tensor(PINNED)
    assert torch.equal(latents(2**62 + 1, [Candidate(2**40, 3)], 5)[0], pinned)


def test_latents_are_standard_normal() -> None:
    """Mean 0, standard deviation 1 and a 5% tail above 1.6449, over 40,000 numbers."""
    z = latents(0, [Candidate(i) for i in range(2000)], 20)
    assert abs(z.mean()) < 0.02
    assert abs(z.std() - 1) < 0.02
    assert abs((z > 1.6449).float().mean() - 0.05) < 0.005


def test_accepted_attempts_do_not_depend_on_the_micro_batch() -> None:
    """Acceptance depends on the candidate alone, so batches of 1 and 7 accept the same attempts."""

    def attempts(micro_batch: int) -> dict[int, int]:
        drawn = draw_accepted(
            range(20),
            lambda candidates: candidates,
            lambda candidate: (candidate.index * 7 + candidate.attempt * 3) % 5 < 2,
            micro_batch=micro_batch,
            max_attempts=10,
        )
        return {candidate.index: candidate.attempt for candidate, _ in drawn}

    assert attempts(1) == attempts(7)
    assert set(attempts(1)) == set(range(20))
    assert max(attempts(1).values()) > 0


def test_too_many_rejections_raise_an_error() -> None:
    """The message names the sample and the number of candidates."""
    nothing = draw_accepted([4], lambda c: c, lambda _: False, micro_batch=2, max_attempts=3)
    with pytest.raises(AcceptanceTooLow, match="none of 3 candidates of sample 4"):
        list(nothing)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_split_draws_equal_the_whole(size: int) -> None:
    """A smaller micro-batch measures the same samples (for multiples of 16 numbers, as torch draws them)."""
    whole = RandomDraws.seeded(3, 8).normals(16)
    parts = [part.normals(16) for part in RandomDraws.seeded(3, 8).split(size)]
    assert torch.equal(torch.cat(parts), whole)


def test_candidate_draws_are_latents() -> None:
    """The normals of a family's draws are those of `latents`."""
    draws = CandidateDraws(5, [Candidate(17), Candidate(3)])
    assert len(draws) == 2
    assert torch.equal(draws.normals(8), latents(5, [Candidate(17), Candidate(3)], 8))


def test_the_class_of_a_sample_depends_on_seed_and_index_alone() -> None:
    """Sample 17 has the same class alone and among others, and its latent stays the same. The classes are pinned."""
    shares = {7: 0.5, 0: 0.3, 3: 0.2}
    classes = draw_conditions(5, range(20), shares, Stream.CONDITIONS).tolist()
    assert draw_conditions(5, [17], shares, Stream.CONDITIONS).tolist() == classes[17:18]
    assert classes == PINNED_CLASSES
    other = draw_conditions(5, range(20), shares, Stream.PILOT_CONDITIONS).tolist()
    assert other != classes


def test_classes_have_their_shares() -> None:
    """Of 4,000 samples each class has its share, whatever the sum of the weights."""
    counts = draw_conditions(1, range(4_000), {2: 3.0, 5: 1.0}, Stream.CONDITIONS).bincount()
    assert counts.nonzero()[:, 0].tolist() == [2, 5]
    assert counts[2] == pytest.approx(3_000, abs=120)


def test_no_sample_has_no_class() -> None:
    """An empty draw is a tensor of integers, as all others are."""
    assert draw_conditions(1, [], {2: 1.0}, Stream.CONDITIONS).dtype == torch.int64
