"""`make demo`: turn 16 labelled portraits into 64 labelled images with the service on this machine.

Writes demo/pairs.png and demo/fit.png. The last line of its output is JSON.
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
from examples.demo.plain_client import Json, PlainClient
from examples.demo.progress import watching, working
from examples.demo.stack import REPOSITORY, Stack

NUM_LABELS = 16
NUM_HELDOUT = 32
NUM_PAIRS = 64
SHARD_SIZE = 32
MAX_ADVICE = 3
GENERATOR = "portraits-64-diffusion"
OUTPUT = REPOSITORY / "demo"


def run_demo() -> None:
    """Run the whole demo. Raises if a step fails, after all started processes are stopped."""
    console = Console(highlight=False, soft_wrap=True)
    OUTPUT.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="handsoff-demo-") as folder,
        Stack(Path(folder)) as stack,
    ):
        with working(console, "starting Redis, the app and four workers"):
            stack.start()
        console.print(f"[green]✓[/] the service runs at {stack.address} (data in {folder})")
        client = PlainClient(stack.address)
        figures = Demo(stack, client, console).run(Path(folder))
        client.close()
        with working(console, "stopping the service"):
            stack.stop()
    console.print("[green]✓[/] all started processes are stopped")
    print(json.dumps(figures))


@dataclass(frozen=True)
class Demo:
    """The steps of the demo on a running service."""

    stack: Stack
    client: PlainClient
    console: Console

    def run(self, folder: Path) -> Json:
        """Upload, fit, render, download and draw. Returns the values of the last line."""
        with working(self.console, f"rendering {NUM_LABELS + NUM_HELDOUT} labelled portraits"):
            labelled = render_labelset(folder / "labelled", NUM_LABELS, "--all-truth")
            unseen = render_labelset(folder / "heldout", NUM_HELDOUT, "--heldout", "--all-truth")
            labelset, heldout = self.client.upload(labelled), self.client.upload(unseen)
        self.print_step(
            f"uploaded {NUM_LABELS} labelled portraits, and {NUM_HELDOUT} held-out ones to score the fit"
        )
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
        """Fit a label generator and save its sheet."""
        fit_id = self.client.start_fit(
            generator=GENERATOR, labelset=labelset, validation_labelset=heldout, seed=1
        )
        fit = self.watch("fit", f"/v1/fits/{fit_id}")
        (OUTPUT / "fit.png").write_bytes(self.client.fetch(fit["sheet"]["url"]))
        scores = fit["metrics"]["heldout"]
        pck, absrel = scores["keypoints"]["pck"], scores["depth"]["absrel"]
        self.print_step(
            f"fitted masks, keypoints and depth: held-out mIoU {scores['miou']:.3f}, PCK {pck:.3f},"
        )
        self.print_step(f"relative depth error {absrel:.1%}; demo/fit.png shows each image")
        for line in fit["metrics"]["warnings"]:
            self.console.print(f"  [yellow]warning: {line}[/]")
        for line in fit["metrics"]["advice"][:MAX_ADVICE]:
            self.console.print(f"  [dim]advice: {line}[/]")
        return fit

    def render(self, fit_id: str) -> Json:
        """Request a batch, download its shards and draw its samples."""
        batch_id = self.client.start_batch(fit=fit_id, n=NUM_PAIRS, seed=1, shard_size=SHARD_SIZE)
        batch = self.watch("batch", f"/v1/batches/{batch_id}")
        shards = self.client.fetch_shards(batch_id)
        samples = [sample for shard in shards for sample in read_shard(shard)]
        draw_pairs(samples, OUTPUT / "pairs.png", batch["labels"]["classes"])
        self.print_step(
            f"downloaded {NUM_PAIRS} pairs in {len(shards)} shards, digests correct: demo/pairs.png"
        )
        return batch

    def watch(self, title: str, path: str) -> Json:
        """Show a job's progress until it succeeds. Raises if a process of the stack ended."""
        with watching(self.console, title) as show:

            def report(job: Json) -> None:
                self.stack.check()
                show(job)

            return self.client.succeed(path, report)

    def print_step(self, text: str) -> None:
        """Print one finished step."""
        self.console.print(f"[green]✓[/] {text}")


def render_labelset(folder: Path, count: int, *options: str) -> Path:
    """Write a folder of labelled portraits with the command in the README. Returns the folder."""
    command = [sys.executable, "-m", "examples.portraits", "labelset", str(folder)]
    subprocess.run(
        [*command, "--count", str(count), *options],
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def seconds(job: Json) -> float:
    """Return the seconds from the start of a job on its first worker to its end."""
    began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()
