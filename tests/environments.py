"""Environments with programs that the product's own lacks: readers of exports, training libraries, an S3 server."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"


def pinned(*names: str) -> tuple[str, ...]:
    """Return packages with their versions in constraints.txt."""
    lines = CONSTRAINTS.read_text().splitlines()
    versions = {line.partition("==")[0]: line for line in lines}
    return tuple(versions[name] for name in names)


def environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """Return the Python of an environment with these packages. Skip the test when they cannot be installed.

    `EXPORT_CHECK_ENVIRONMENTS` names a folder that keeps environments between runs.
    """
    kept = os.environ.get("EXPORT_CHECK_ENVIRONMENTS")
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    place = (Path(kept) if kept else folder) / f"{packages[-1]}-{digest}"
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


def run(
    python: Path, script: Path | str, *words: Path | str, settings: Mapping[str, str] | None = None
) -> None:
    """Run a script with another Python in the folder of its last word. It gets only PATH and settings."""
    home = Path(words[-1]).parent
    variables = {"PATH": os.defpath, "HOME": str(home), "YOLO_CONFIG_DIR": str(home)}
    done = subprocess.run(
        [python, script, *words],
        cwd=home,
        env={**variables, "YOLO_OFFLINE": "true", **(settings or {})},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
