"""The figures of a worker."""

import socket
from urllib.request import urlopen

import pytest

from state.process.metrics import REGISTRY
from state.settings import Settings
from tests.workers.scene import Scene
from workers.fitting import fits
from workers.runtime.metrics import publish


def value(name: str, **labels: str) -> float:
    """Return one figure, 0 if it was never counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_job_counts_its_end_and_its_stages(scene: Scene) -> None:
    """Each stage is timed once, and the job counts under its final status."""
    stages = ("inverting", "training")
    names = [("handsoff_stage_seconds_count", {"kind": "fit", "stage": stage}) for stage in stages]
    before = [value(name, **labels) for name, labels in names]
    ended = value("handsoff_jobs_total", kind="fit", status="succeeded")
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    assert [value(name, **labels) for name, labels in names] == [one + 1 for one in before]
    assert value("handsoff_jobs_total", kind="fit", status="succeeded") == ended + 1


def test_the_port_serves_the_figures() -> None:
    """Prometheus reads them under /metrics."""
    port = free_port()
    publish(Settings(metrics_port=port))
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"handsoff_samples_total" in answer.read()


def test_a_port_in_use_is_refused() -> None:
    """A worker without its figures would be overlooked."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            publish(Settings(metrics_port=other.getsockname()[1]))
