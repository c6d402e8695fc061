"""Splits of the portraits: disjoint ranges of seeds, one for each purpose."""

from collections.abc import Mapping
from types import MappingProxyType

GENERATOR_SEEDS = range(1_000, 2_000)
LABELLED_SEEDS = range(2_000, 3_000)
HELDOUT_SEEDS = range(3_000, 4_000)
SEGMENTER_TRAINING_SEEDS = range(4_000, 5_000)
SEGMENTER_TESTING_SEEDS = range(5_000, 6_000)

SPLITS: Mapping[str, range] = MappingProxyType(
    {
        "generator": GENERATOR_SEEDS,
        "labelled": LABELLED_SEEDS,
        "heldout": HELDOUT_SEEDS,
        "segmenter-training": SEGMENTER_TRAINING_SEEDS,
        "segmenter-testing": SEGMENTER_TESTING_SEEDS,
    }
)


def seed_of(split: str, draw: int = 0) -> int:
    """Return the seed of one draw from a split. Raises ValueError for an unknown split or draw."""
    if split not in SPLITS:
        raise ValueError(f"expected a split of {', '.join(SPLITS)}, got {split!r}")
    seeds = SPLITS[split]
    if not 0 <= draw < len(seeds):
        raise ValueError(f"expected a draw from 0 to {len(seeds) - 1}, got {draw}")
    return seeds[draw]
