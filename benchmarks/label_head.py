"""`python -m benchmarks.label_head`: time and memory of labelling, ours against the paper's way, on random weights.

Times alternate in one process and are reported as ratios; peak memory comes from a fresh process per way. The last line
is one line of JSON, keyed by the generator's resolution.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from benchmarks.naive_head import naive_label
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.labels.tasks import SegmentationTask, TaskSet
from models.stylegan2.config import GeneratorConfig
from models.stylegan2.generator import Generator

PAPER_HIDDEN = (256, 32)
TASKS = TaskSet(segmentation=SegmentationTask(19))
CHANNELS = {
    64: (128, 128, 96, 48, 16),
    256: (512, 512, 512, 512, 512, 256, 128),
}
WAYS = ("generator", "ours", "naive")


def main() -> None:
    """Measure every resolution asked for; or, as a child, run one way once and say how much memory it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_head", description=__doc__)
    parser.add_argument("--px", type=int, nargs="+", choices=list(CHANNELS), default=[64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=WAYS, help="run this way once and print its peak memory")
    parsed = parser.parse_args()
    if parsed.only:
        _ways(parsed.px[0])[parsed.only]()
        print(_own_peak_bytes())
        return
    results = {}
    for px in parsed.px:
        results[str(px)] = _measure(px, parsed.rounds)
        print(f"{px} px: {results[str(px)]}", file=sys.stderr)
    print(json.dumps(results))


def _measure(px: int, rounds: int) -> dict[str, float]:
    """Median time of each way over alternating rounds, as ratios; memory above the generator's own."""
    ways = _ways(px)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    generator, ours, naive = (median(seconds[name][1:]) for name in WAYS)
    peaks = {name: _peak_bytes(name, px) for name in WAYS}
    return {
        "naive_over_ours": round(naive / ours, 2),
        "ours_over_generator": round(ours / generator, 2),
        "peak_bytes_ours": peaks["ours"] - peaks["generator"],
        "peak_bytes_naive": peaks["naive"] - peaks["generator"],
    }


def _peak_bytes(way: str, px: int) -> int:
    """Largest resident memory of a fresh process that labels one image this way."""
    command = [sys.executable, "-m", "benchmarks.label_head", "--px", str(px), "--only", way]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def _own_peak_bytes() -> int:
    """Most memory this process ever held (`ru_maxrss` would start from the parent's)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024


def _ways(px: int) -> dict[str, Callable[[], object]]:
    """The generator alone, and with each kind of label; one image a call, ten members 256-32, 19 classes."""
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=128, w_dim=128, channels=CHANNELS[px], num_mapping_layers=2)
    generator = Generator(config).eval().requires_grad_(False)
    ensemble = Ensemble(
        EnsembleConfig(tap_channels=config.tap_channels, tasks=TASKS, hidden=PAPER_HIDDEN)
    )
    ensemble.eval().requires_grad_(False)
    ws = generator.map(torch.randn(1, config.z_dim))
    labels = LabelGenerator(generator, ensemble)
    return {
        "generator": lambda: generator.synthesize(ws),
        "ours": lambda: labels.label(generator.synthesize(ws).taps),
        "naive": lambda: naive_label(ensemble, generator.synthesize(ws).taps, config.image_px),
    }


if __name__ == "__main__":
    main()
