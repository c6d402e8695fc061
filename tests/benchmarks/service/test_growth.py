"""The benchmark of growth, at sizes of seconds."""

import json
import subprocess
import sys

import pytest

SMALL = ("--shards", "40", "--jobs", "3", "--large", "0")


@pytest.mark.long
def test_it_ends_with_a_line_of_counts() -> None:
    """A finished shard lists nothing, and leaves far less than 500 bytes in Redis."""
    command = [sys.executable, "-m", "benchmarks.service.growth", *SMALL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    costs = json.loads(done.stdout)
    assert "list" not in costs["40 shards"]["shard"]
    assert costs["bytes in Redis"]["shard"] < 500
    assert costs["list"]["get"] == 2 * 3
