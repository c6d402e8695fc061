"""The log."""

import json
from collections.abc import Iterator

import pytest
import structlog

from state.logs import configure_logs
from state.settings import Settings


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    """Restore the log of the process after each test."""
    configured = structlog.get_config()
    yield
    structlog.configure(**configured)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """With `log_format=json`, each line is one object with the bound context."""
    configure_logs(Settings(log_format="json"))
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().warning("stored but not queued", job="fit_1")
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["level"]) == ("stored but not queued", "warning")
    assert (line["job"], line["request_id"]) == ("fit_1", "r-1")


def test_text_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a setting, each line is text for a terminal."""
    configure_logs(Settings())
    structlog.get_logger().info("rendered", shard=3)
    assert "rendered" in capsys.readouterr().out
