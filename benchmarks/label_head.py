"""`python -m benchmarks.label_head`: time and memory of labelling, ours against the paper's way, on random weights.

Ways alternate in one process on one thread; each round's processor times give ratios, and their median is reported. The
naive way, which takes minutes at 1024 px, runs in one round alone. Peak memory, above the generator's own, comes from a
fresh process per way. The last line is one line of JSON, keyed by the generator's resolution.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from statistics import median

import torch

from benchmarks.memory import own_peak_bytes
from benchmarks.naive_head import naive_label
from models.labels.ensemble import INIT_DEVIATION, Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.labels.tasks import SegmentationTask, TaskSet
from models.labels.training import EnsembleOptions
from models.stylegan2.config import GeneratorConfig
from models.stylegan2.generator import Generator

PAPER_HIDDEN = (256, 32)
TASKS = TaskSet(segmentation=SegmentationTask(19))
CHANNELS = {
    64: (128, 128, 96, 48, 16),
    256: (512, 512, 512, 512, 512, 256, 128),
    512: (512, 512, 512, 512, 512, 256, 128, 64),
    1024: (512, 512, 512, 512, 512, 256, 128, 64, 32),
}
"""Of every block; from 256 px on they are config-f's."""
MAX_LABEL_PX = 512
WAYS = ("generator", "exact", "compact", "naive")


def main() -> None:
    """Measure every resolution asked for; or, as a child, run one way once and say how much memory it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_head", description=__doc__)
    parser.add_argument("--px", type=int, nargs="+", choices=list(CHANNELS), default=[64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--only", choices=WAYS, help="run this way once and print its peak memory")
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    if parsed.only:
        _ways(parsed.px[0], parsed.precision)[parsed.only]()
        print(own_peak_bytes())
        return
    results = {}
    for px in parsed.px:
        results[str(px)] = _measure(px, parsed.precision, parsed.rounds)
        print(f"{px} px: {results[str(px)]}", file=sys.stderr)
    print(json.dumps(results))


def _measure(px: int, precision: str, rounds: int) -> dict[str, float]:
    """Ratios of processor time, labels and image together against the image alone; the first round only warms up."""
    ways = _ways(px, precision)
    naive = ways.pop("naive")
    seconds = [{name: _seconds(way) for name, way in ways.items()} for _ in range(rounds + 1)][1:]
    exact = [each["exact"] for each in seconds]
    peaks = {name: _peak_bytes(name, px, precision) for name in WAYS}
    return {
        "naive_over_exact": round(_seconds(naive) / median(exact), 2),
        "exact_over_generator": round(
            median(each["exact"] / each["generator"] for each in seconds), 2
        ),
        "compact_over_generator": round(
            median(each["compact"] / each["generator"] for each in seconds), 2
        ),
        "peak_bytes": peaks["exact"] - peaks["generator"],
        "peak_bytes_compact": peaks["compact"] - peaks["generator"],
        "peak_bytes_naive": peaks["naive"] - peaks["generator"],
    }


@torch.no_grad()
def _seconds(way: Callable[[], object]) -> float:
    """Processor time, which other processes on the same cores disturb least."""
    began = time.process_time()
    way()
    return time.process_time() - began


def _peak_bytes(way: str, px: int, precision: str) -> int:
    """Largest resident memory of a fresh process that labels one image this way."""
    asked = ["--px", str(px), "--precision", precision, "--only", way]
    command = [sys.executable, "-m", "benchmarks.label_head", *asked]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def _ways(px: int, precision: str) -> dict[str, Callable[[], object]]:
    """The generator alone, and with each kind of label; one image a call, ten members, 19 classes.

    Exact and naive have the paper's 256-32 hidden values, compact is what a fit has by default. Labels are as large as
    the image, at most 512 px.
    """
    kind: torch.dtype = getattr(torch, precision)
    generator = random_generator(px).lower_precision(kind)
    config = generator.config
    taps, label_px = config.tap_channels, (min(px, MAX_LABEL_PX),) * 2
    paper = _random(EnsembleConfig(tap_channels=taps, tasks=TASKS, hidden=PAPER_HIDDEN))
    rank = EnsembleOptions().rank
    compact = _random(EnsembleConfig(tap_channels=taps, tasks=TASKS, rank=rank))
    ws = generator.map(torch.randn(1, config.z_dim))
    exact_labels = LabelGenerator(generator, paper, label_px)
    compact_labels = LabelGenerator(generator, compact, label_px)
    lowered = deepcopy(paper).to(kind)
    return {
        "generator": lambda: generator.synthesize(ws),
        "exact": lambda: exact_labels.label(generator.synthesize(ws).taps),
        "compact": lambda: compact_labels.label(generator.synthesize(ws).taps),
        "naive": lambda: naive_label(lowered, generator.synthesize(ws).taps, label_px),
    }


def random_generator(px: int) -> Generator:
    """A generator with random weights, always the same ones."""
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=128, w_dim=128, channels=CHANNELS[px], num_mapping_layers=2)
    return Generator(config).eval().requires_grad_(False)


def _random(config: EnsembleConfig) -> Ensemble:
    ensemble = Ensemble(config)
    if ensemble.projection is not None:
        ensemble.projection.data.normal_(std=INIT_DEVIATION)
    return ensemble.eval().requires_grad_(False)


if __name__ == "__main__":
    main()
