"""`make demo`: 16 labelled portraits in, 64 labelled images out, through the real service on this machine.

Leaves demo/pairs.png and demo/fit.png; the last line it prints is one line of JSON.
"""

import json
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from rich.console import Console

from examples.demo.pictures import draw_pairs, read_shard
from examples.demo.progress import watching
from examples.demo.road import Json, Road
from examples.demo.stack import REPOSITORY, Stack

NUM_LABELS = 16
NUM_HELDOUT = 32
NUM_PAIRS = 64
GENERATOR = "portraits-64"
OUTPUT = REPOSITORY / "demo"


def run_demo() -> None:
    """The whole demo; raises when a step fails, after everything it started has been stopped."""
    console = Console()
    OUTPUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="handsoff-demo-") as folder,
        Stack(Path(folder)) as stack,
    ):
        with console.status("starting Redis, the app and three workers"):
            stack.start()
        console.print(f"[green]✓[/] the service runs at {stack.address} (its data in {folder})")
        road = Road(stack.address)
        figures = _drive(road, Path(folder), console)
        road.close()
    console.print("[green]✓[/] everything that was started has been stopped")
    print(json.dumps(figures))


def _drive(road: Road, folder: Path, console: Console) -> Json:
    labelset = road.upload(render_labelset(folder / "labelled", NUM_LABELS))
    validation = road.upload(render_labelset(folder / "heldout", NUM_HELDOUT, "--heldout"))
    console.print(
        f"[green]✓[/] uploaded {NUM_LABELS} labelled portraits, and {NUM_HELDOUT} to measure by"
    )
    fit = _fit(road, labelset, validation, console)
    batch_id = road.start_batch(fit=fit["id"], n=NUM_PAIRS, seed=1, shard_size=NUM_PAIRS // 2)
    with watching(console, "batch") as watch:
        batch = road.succeed(f"/v1/batches/{batch_id}", watch)
    samples = [sample for shard in road.fetch_shards(batch_id) for sample in read_shard(shard)]
    draw_pairs(samples, OUTPUT / "pairs.png")
    console.print(f"[green]✓[/] {len(samples)} pairs fetched, checksums right: demo/pairs.png")
    return {
        "labels": NUM_LABELS,
        "pairs": len(samples),
        "fit_seconds": round(seconds(fit), 1),
        "pairs_per_second": round(len(samples) / seconds(batch), 1),
        "reconstruction_psnr_db": round(fit["metrics"]["reconstruction_psnr_db"], 2),
        "heldout_miou": round(fit["metrics"]["heldout"]["miou"], 4),
    }


def _fit(road: Road, labelset: str, validation: str, console: Console) -> Json:
    fit_id = road.start_fit(
        generator=GENERATOR, labelset=labelset, validation_labelset=validation, seed=1
    )
    with watching(console, "fit") as watch:
        fit = road.succeed(f"/v1/fits/{fit_id}", watch)
    (OUTPUT / "fit.png").write_bytes(road.fetch(fit["sheet"]["url"]))
    miou = fit["metrics"]["heldout"]["miou"]
    console.print(f"[green]✓[/] fitted: held-out mIoU {miou:.3f}; demo/fit.png shows each image")
    return fit


def render_labelset(folder: Path, count: int, *options: str) -> Path:
    """A folder of rendered, labelled portraits, made by the same command that the README shows."""
    command = [sys.executable, "-m", "examples.portraits", "labelset", str(folder)]
    subprocess.run(
        [*command, "--count", str(count), *options],
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def seconds(job: Json) -> float:
    """How long a job took, from its first worker's start to its end."""
    began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()
