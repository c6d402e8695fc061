"""Commands of `handsoff` against a service of real processes, and small labelled images for them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from examples.demo.stack import Stack

OFTEN = {
    "HANDSOFF_CPU_THREADS": "1",
    "HANDSOFF_HEARTBEAT_INTERVAL": "PT1S",
    "HANDSOFF_HEARTBEAT_FRESH": "PT4S",
    "HANDSOFF_RECONCILE_INTERVAL": "PT1S",
}
"""Settings with which a killed worker is noticed within seconds."""

TIMEOUT_SECONDS = 240


def command(stack: Stack, *words: str | Path) -> list[str]:
    """Return a command line of `handsoff` for this service."""
    return [sys.executable, "-m", "handsoff_client", "--url", stack.address, *map(str, words)]


def handsoff(stack: Stack, *words: str | Path) -> str:
    """Run a command to its end; return its output."""
    done = subprocess.run(
        command(stack, *words),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write_pairs(folder: Path, count: int, *, px: int, seed: int) -> Path:
    """Write images with a bright part beside a dark one, and the masks of both; return the folder."""
    rng = np.random.default_rng(seed)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        bright = np.broadcast_to(np.arange(px) < rng.integers(px // 4, 3 * px // 4), (px, px))
        pixels = np.where(bright[..., None], 200, 20) + rng.integers(0, 40, (px, px, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"images/{number}.png")
        Image.fromarray(bright.astype(np.uint8)).save(folder / f"masks/{number}.png")
    (folder / "labelset.json").write_text('{"name": "parts", "classes": ["dark", "bright"]}')
    return folder
