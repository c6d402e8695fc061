"""The benchmark of two tenants, at sizes of seconds."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.service.sharing import _part
from contracts.base import Artefact
from contracts.batches import ShardRecord

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
QUICK = [
    "--batches",
    "12",
    "--pairs",
    "64",
    "--large",
    "64",
    "--rounds",
    "1",
    "--seconds",
    "4",
    "--settle",
    "1",
]


def shard(began: int, ended: int) -> ShardRecord:
    """Return a shard of 8 samples that was rendered between two seconds after noon."""
    return ShardRecord(
        index=0,
        tar=Artefact(key="shard", sha256="0" * 64, num_bytes=1),
        num_samples=8,
        num_candidates=8,
        class_pixels=(1,),
        class_images=(8,),
        candidate_class_images=(8,),
        mean_score=0.5,
        threshold=None,
        started_at=NOON + timedelta(seconds=began),
        finished_at=NOON + timedelta(seconds=ended),
        render_seconds=1.0,
    )


@pytest.mark.parametrize(
    ("began", "ended", "pairs"),
    [(2, 4, 8), (-4, 4, 4), (9, 13, 2), (-9, -1, 0), (11, 12, 0), (-10, 30, 2), (3, 3, 0)],
    ids=["inside", "from before", "to after", "earlier", "later", "around", "empty"],
)
def test_a_shard_counts_by_its_part_in_the_window(began: int, ended: int, pairs: int) -> None:
    """The window is the ten seconds after noon."""
    counted = _part(shard(began, ended), NOON, NOON + timedelta(seconds=10))
    assert counted == pytest.approx(pairs)


@pytest.mark.long
def test_it_ends_with_a_line_of_shares() -> None:
    """Both tenants get something of the worker."""
    command = [sys.executable, "-m", "benchmarks.service.sharing", *QUICK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = json.loads(done.stdout)
    assert 0 < line["large_share"] <= 1
    assert 0 < line["equal_share"] < 1
