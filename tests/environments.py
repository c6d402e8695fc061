"""Environments with programs that are not in the one of the product: readers of exports, and another S3 server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """Return the Python of an environment with these packages. Skip the test when they cannot be installed.

    `EXPORT_CHECK_ENVIRONMENTS` names a folder that keeps environments between runs.
    """
    kept = os.environ.get("EXPORT_CHECK_ENVIRONMENTS")
    place = (Path(kept) if kept else folder) / packages[-1]
    python, ready = place / "bin" / "python", place / "ready"
    if ready.exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    index = os.environ.get("TORCH_INDEX")
    extra = ["--extra-index-url", index] if index else []
    done = subprocess.run(
        [*install, *extra, *packages], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"{packages[-1]} cannot be installed here: {done.stderr[-500:]}")
    ready.touch()
    return python


def run(python: Path, script: Path, *words: Path | str) -> None:
    """Run a script with another Python. From this process's environment it gets only PATH."""
    home = str(Path(words[-1]).parent)
    variables = {"PATH": os.defpath, "HOME": home, "YOLO_CONFIG_DIR": home, "YOLO_OFFLINE": "true"}
    done = subprocess.run(
        [python, script, *words], env=variables, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
