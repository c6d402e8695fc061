"""A service for the pages: the built-in generator, a short fit of four portraits, a batch and a stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples.demo.demo import render_labelset
from examples.demo.stack import Stack
from handsoff_client import HandsOff
from tests.forked import ForkedStack

QUICK = {"inversion": {"steps": 10}, "ensemble": {"steps": 60}}
NUM_SAMPLES = 64


@dataclass(frozen=True)
class Service:
    """The running service, its objects, and the folder of labelled portraits."""

    stack: Stack
    pairs: Path
    ids: dict[str, str]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start the service and make one object of each kind."""
    folder = tmp_path_factory.mktemp("service")
    pairs = render_labelset(tmp_path_factory.mktemp("portraits") / "pairs", 4)
    settings = {"HANDSOFF_CPU_THREADS": "1"}
    with ForkedStack(folder, settings=settings) as stack, HandsOff(stack.address) as client:
        stack.start()
        labelset = client.labelsets.upload(pairs)
        fit = client.fits.create(generator="portraits-64", labelset=labelset.id, options=QUICK)
        client.fits.wait(fit.id)
        batch = client.batches.create(fit=fit.id, n=NUM_SAMPLES, seed=1)
        client.batches.wait(batch.id)
        stream = client.streams.create(fit=fit.id, seed=1, shard_size=16)
        ids = {
            "LABELSET": labelset.id,
            "FIT": fit.id,
            "BATCH": batch.id,
            "STREAM": stream.id,
            "GENERATOR": "portraits-64",
        }
        yield Service(stack, pairs, ids)
