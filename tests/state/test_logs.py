"""Promises of the log."""

import json
from collections.abc import Iterator

import pytest
import structlog

from state.logs import configure_logs
from state.settings import Settings


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """Puts the process's log back as it was."""
    yield
    structlog.reset_defaults()


def test_a_machine_reads_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """With `log_format=json` a line is one object, with the context that was bound."""
    configure_logs(Settings(log_format="json"))
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().warning("stored but not queued", job="fit_1")
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["level"]) == ("stored but not queued", "warning")
    assert (line["job"], line["request_id"]) == ("fit_1", "r-1")


def test_people_read_text(capsys: pytest.CaptureFixture[str]) -> None:
    """By default a line is for the eye."""
    configure_logs(Settings())
    structlog.get_logger().info("rendered", shard=3)
    assert "rendered" in capsys.readouterr().out
