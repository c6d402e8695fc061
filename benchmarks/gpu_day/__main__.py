"""`python -m benchmarks.gpu_day`: everything that one GPU is needed for, in less than 25 minutes.

Parts: pairs (pairs per second at 1024 px with labels of 512 px, against the goals), precision (bfloat16 against
float32), training (images per second of both families), service (one worker on the GPU), tests (those marked `gpu`) and
fit (256 and 1024 px). Each part prints one line of JSON and keeps it in the output folder; a new run continues with the
parts that are missing there. The last line is a summary. `--dry-run` runs every part at tiny sizes on the CPU.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.gpu_day.goals import summary
from benchmarks.gpu_day.parts import PARTS, Part
from benchmarks.gpu_day.running import Outcome, Place, finished, run

OUT, DRY_OUT = Path("build/gpu-day"), Path("build/gpu-day-dry-run")
MINUTES = 25.0
MIN_SECONDS = 20.0
"""A part with less time left is not started."""


def main(arguments: list[str] | None = None) -> int:
    """Run the missing parts. Returns 1 if a part failed or was not started, 2 without a GPU."""
    options = _parser().parse_args(arguments)
    if not options.dry_run and not torch.cuda.is_available():
        print(
            "expected a CUDA device, found none; run this on a machine with a GPU and a CUDA build of torch"
            " (make setup TORCH_INDEX=https://download.pytorch.org/whl/cu128), or pass --dry-run to try every part"
            " at tiny sizes on the CPU",
            file=sys.stderr,
        )
        return 2
    device = "cpu" if options.dry_run else torch.cuda.get_device_name()
    place = Place(device, torch.__version__, options.dry_run)
    outcomes = []
    for outcome in _outcomes(options, place):
        print(outcome.line(), flush=True)
        outcomes.append(outcome)
    print(json.dumps(summary(outcomes, place)))
    return 0 if all(outcome.status == "done" for outcome in outcomes) else 1


def _outcomes(options: argparse.Namespace, place: Place) -> Iterator[Outcome]:
    """Yield the outcome of every chosen part: the one in the folder, or that of a run now."""
    out = options.out or (DRY_OUT if options.dry_run else OUT)
    deadline = time.monotonic() + options.minutes * 60
    for part in _chosen(options):
        earlier = finished(part, out, place) if options.only_missing else None
        left = deadline - time.monotonic()
        if earlier is not None:
            yield earlier
        elif left < MIN_SECONDS:
            error = f"the {options.minutes:g} minutes are over; run the same command again"
            yield Outcome(part.name, "not started", place, error=error)
        else:
            print(f"running {part.name}", file=sys.stderr, flush=True)
            yield run(part, out, place, min(part.minutes * 60, left))


def _chosen(options: argparse.Namespace) -> list[Part]:
    return [part for part in PARTS if not options.part or part.name in options.part]


def _parser() -> argparse.ArgumentParser:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_day", description=__doc__)
    parser.add_argument("--part", nargs="+", choices=names, help="run only these parts")
    parser.add_argument(
        "--only-missing",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="skip parts that the output folder has results of, from the same device and torch",
    )
    parser.add_argument("--out", type=Path, help=f"folder of results and logs (default {OUT})")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="most time for all parts")
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the CPU, no goals")
    return parser


if __name__ == "__main__":
    sys.exit(main())
