"""Runs the parts of a GPU day, each in a new process, and keeps their results in a folder, to resume a day."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.gpu_day.parts import Part

STOP_SECONDS = 60
"""A part that is stopped has this long to stop its own processes."""

LAST_LINES = 5


@dataclass(frozen=True)
class Place:
    """What a result depends on: results of another place are not reused."""

    device: str
    torch: str
    dry_run: bool


@dataclass(frozen=True)
class Outcome:
    """The result of one part, or the reason why there is none."""

    part: str
    status: Literal["done", "failed", "not started"]
    place: Place
    seconds: float = 0.0
    result: dict[str, Any] | None = None
    error: str | None = None

    def line(self) -> str:
        """Return the outcome as one line of JSON, without empty fields."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(fields)


def finished(part: Part, out: Path, place: Place) -> Outcome | None:
    """Return the outcome of an earlier run of this part in the same place, if it was done."""
    try:
        fields = json.loads(_path(part, out).read_text())
        outcome = Outcome(**{**fields, "place": Place(**fields["place"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None  # no file, or one that another version wrote
    return outcome if outcome.status == "done" and outcome.place == place else None


def run(part: Part, out: Path, place: Place, seconds: float) -> Outcome:
    """Run a part in a new process for at most `seconds`, and write its outcome and its log into the folder."""
    out.mkdir(parents=True, exist_ok=True)
    log = out / f"{part.name}.log"
    began = time.monotonic()
    status, stdout = _child(part, out, log, seconds, dry_run=place.dry_run)
    took = round(time.monotonic() - began, 1)
    result = _last_line(stdout) if status == 0 else None
    if result is None:
        reason = f"took longer than {seconds:.0f} s" if status is None else f"status {status}"
        error = f"{reason}; the log is {log}: {_end_of(log)}"
        outcome = Outcome(part.name, "failed", place, took, error=error)
    else:
        outcome = Outcome(part.name, "done", place, took, result)
    partial = out / f"{part.name}.json.partial"
    partial.write_text(outcome.line() + "\n")
    partial.replace(_path(part, out))
    return outcome


def _child(
    part: Part, out: Path, log: Path, seconds: float, *, dry_run: bool
) -> tuple[int | None, str]:
    """Return the exit status (None: stopped after `seconds`) and the standard output."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, *part.arguments(out, dry_run=dry_run)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **part.variables(dry_run=dry_run)},
            start_new_session=True,  # so that a stop reaches the processes of the part as well
        ) as child,
    ):
        try:
            stdout, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None, ""
        finally:
            _stop(child)
        return child.returncode, stdout


def _stop(child: "subprocess.Popen[str]") -> None:
    """Interrupt the part's processes, as Ctrl+C does, and kill those that do not end."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGINT)
    try:
        child.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def _last_line(stdout: str) -> dict[str, Any] | None:
    lines = stdout.strip().splitlines()
    try:
        result = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return result if isinstance(result, dict) else None


def _end_of(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").strip().splitlines()[-LAST_LINES:])


def _path(part: Part, out: Path) -> Path:
    return out / f"{part.name}.json"
