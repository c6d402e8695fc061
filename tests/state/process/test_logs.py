"""The log."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from state.process.logs import configure_logs
from state.settings import Settings


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    """Restore the log of the process after each test."""
    configured, root = structlog.get_config(), logging.getLogger()
    handlers = root.handlers
    levels = {name: logging.getLogger(name).level for name in ("", "uvicorn", "rq", "rq.worker")}
    yield
    structlog.configure(**configured)
    root.handlers = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


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


@pytest.mark.parametrize("name", ["uvicorn.error", "rq.worker", "obstore"])
def test_lines_of_libraries_have_the_same_form(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A collector of logs gets one kind of line from a process, also with a traceback."""
    configure_logs(Settings(log_format="json"))
    try:
        int("a cause")
    except ValueError:
        logging.getLogger(name).exception("it failed: %s", "here")
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["level"], line["logger"]) == ("it failed: here", "error", name)
    assert "a cause" in line["exception"]


def test_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """RQ writes a line for every job, and we do so too: only uvicorn's start and stop are kept of that level."""
    configure_logs(Settings())
    logging.getLogger("rq.worker").info("a job")
    logging.getLogger("uvicorn.error").info("started")
    out = capsys.readouterr().out
    assert "a job" not in out
    assert "started" in out
