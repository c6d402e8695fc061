"""`make demo`: 16 labelled portraits in, 64 labelled images out, through the real service on this machine.

Leaves demo/pairs.png and demo/fit.png; the last line it prints is one line of JSON.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from examples.demo.pictures import draw_pairs, read_shard
from examples.demo.progress import watching, working
from examples.demo.road import Json, Road
from examples.demo.stack import REPOSITORY, Stack

NUM_LABELS = 16
NUM_HELDOUT = 32
NUM_PAIRS = 64
SHARD_SIZE = 32
MAX_ADVICE = 3
GENERATOR = "portraits-64"
OUTPUT = REPOSITORY / "demo"


def run_demo() -> None:
    """The whole demo; raises when a step fails, after everything it started has been stopped."""
    console = Console(highlight=False, soft_wrap=True)
    OUTPUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="handsoff-demo-") as folder,
        Stack(Path(folder)) as stack,
    ):
        with working(console, "starting Redis, the app and four workers"):
            stack.start()
        console.print(f"[green]✓[/] the service runs at {stack.address} (its data in {folder})")
        road = Road(stack.address)
        figures = Demo(stack, road, console).drive(Path(folder))
        road.close()
        with working(console, "stopping the service"):
            stack.stop()
    console.print("[green]✓[/] everything that was started has been stopped")
    print(json.dumps(figures))


@dataclass(frozen=True)
class Demo:
    """The demo's road through a running service."""

    stack: Stack
    road: Road
    console: Console

    def drive(self, folder: Path) -> Json:
        """Upload, fit, batch, fetch, draw; returns the figures of the last line."""
        with working(self.console, f"rendering {NUM_LABELS + NUM_HELDOUT} labelled portraits"):
            labelled = render_labelset(folder / "labelled", NUM_LABELS, "--all-truth")
            kept = render_labelset(folder / "heldout", NUM_HELDOUT, "--heldout", "--all-truth")
            labelset, heldout = self.road.upload(labelled), self.road.upload(kept)
        self.say(f"uploaded {NUM_LABELS} labelled portraits, and {NUM_HELDOUT} to measure by")
        fit = self.fit(labelset, heldout)
        batch = self.render(fit["id"])
        return {
            "labels": NUM_LABELS,
            "pairs": batch["metrics"]["num_samples"],
            "fit_seconds": round(seconds(fit), 1),
            "pairs_per_second": round(NUM_PAIRS / seconds(batch), 1),
            "reconstruction_psnr_db": round(fit["metrics"]["reconstruction_psnr_db"], 2),
            "heldout_miou": round(fit["metrics"]["heldout"]["miou"], 4),
            "heldout_pck": round(fit["metrics"]["heldout"]["keypoints"]["pck"], 4),
            "heldout_absrel": round(fit["metrics"]["heldout"]["depth"]["absrel"], 4),
        }

    def fit(self, labelset: str, heldout: str) -> Json:
        """Fits a label generator and keeps its sheet."""
        fit_id = self.road.start_fit(
            generator=GENERATOR, labelset=labelset, validation_labelset=heldout, seed=1
        )
        fit = self.watch("fit", f"/v1/fits/{fit_id}")
        (OUTPUT / "fit.png").write_bytes(self.road.fetch(fit["sheet"]["url"]))
        found = fit["metrics"]["heldout"]
        pck, absrel = found["keypoints"]["pck"], found["depth"]["absrel"]
        self.say(
            f"fitted masks, keypoints and depth: held-out mIoU {found['miou']:.3f}, PCK {pck:.3f},"
        )
        self.say(f"depth off by {absrel:.1%}; demo/fit.png shows each image")
        for line in fit["metrics"]["advice"][:MAX_ADVICE]:
            self.console.print(f"  [dim]advice: {line}[/]")
        return fit

    def render(self, fit_id: str) -> Json:
        """Asks for a batch, fetches its shards and draws its samples."""
        batch_id = self.road.start_batch(fit=fit_id, n=NUM_PAIRS, seed=1, shard_size=SHARD_SIZE)
        batch = self.watch("batch", f"/v1/batches/{batch_id}")
        shards = self.road.fetch_shards(batch_id)
        samples = [sample for shard in shards for sample in read_shard(shard)]
        draw_pairs(samples, OUTPUT / "pairs.png", batch["labels"]["classes"])
        self.say(
            f"fetched {NUM_PAIRS} pairs in {len(shards)} shards, digests right: demo/pairs.png"
        )
        return batch

    def watch(self, title: str, path: str) -> Json:
        """Shows a job's progress until it has succeeded; raises when a process of the stack has died."""
        with watching(self.console, title) as show:

            def look(job: Json) -> None:
                self.stack.check()
                show(job)

            return self.road.succeed(path, look)

    def say(self, text: str) -> None:
        """One finished step."""
        self.console.print(f"[green]✓[/] {text}")


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
