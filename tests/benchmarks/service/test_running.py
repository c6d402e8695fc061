"""The processor time that benchmarks report."""

import os
import time

import pytest

from benchmarks.service.running import processor_seconds


def test_processor_time_is_that_of_the_process() -> None:
    """The value agrees with `time.process_time` within 0.1 s."""
    assert processor_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.1)
