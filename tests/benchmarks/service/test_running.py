"""What benchmarks say of a running process."""

import os
import time

import pytest

from benchmarks.service.running import processor_seconds


def test_processor_time_is_that_of_the_process() -> None:
    """As the process itself counts it, to some ticks of the clock."""
    assert processor_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.1)
