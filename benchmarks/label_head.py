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
from dataclasses import dataclass
from statistics import median

import torch

from benchmarks.defaults import ensemble_options
from benchmarks.memory import own_peak_bytes
from benchmarks.naive_head import naive_label
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import INIT_DEVIATION, Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.labels.tasks import SegmentationTask, TaskSet

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


@dataclass(frozen=True)
class Setting:
    """What is measured: a generator's resolution, and how it runs."""

    px: int
    precision: str
    device: str
    batch: int

    @property
    def asked(self) -> list[str]:
        """The same as arguments of a child."""
        chosen = {"px": self.px, "precision": self.precision, "device": self.device}
        named = {**chosen, "batch": self.batch}
        return [word for name, value in named.items() for word in (f"--{name}", str(value))]


def main() -> None:
    """Measure every resolution asked for; or, as a child, run one way once and say how much memory it took."""
    parsed = _parse()
    torch.set_num_threads(1)
    settings = [Setting(px, parsed.precision, parsed.device, parsed.batch) for px in parsed.px]
    if parsed.only:
        _ways(settings[0])[parsed.only]()
        on_cpu = parsed.device == "cpu"
        print(own_peak_bytes() if on_cpu else torch.cuda.max_memory_allocated())
        return
    results = {}
    for setting in settings:
        results[str(setting.px)] = _measure(setting, parsed.rounds)
        print(f"{setting.px} px: {results[str(setting.px)]}", file=sys.stderr, flush=True)
    print(json.dumps(results))


def _measure(setting: Setting, rounds: int) -> dict[str, object]:
    """Ratios of time, labels and image together against the image alone; the first round only warms up."""
    ways = _ways(setting)
    naive = ways.pop("naive")

    def seconds(way: Callable[[], object]) -> float:
        return _seconds(way, setting.device)

    taken = [{name: seconds(way) for name, way in ways.items()} for _ in range(rounds + 1)][1:]
    last = {"naive": seconds(naive)}
    typical = {name: median(each[name] for each in taken) for name in ways} | last
    peaks = {name: _peak_bytes(name, setting) for name in WAYS}
    return {
        "naive_over_exact": round(typical["naive"] / typical["exact"], 2),
        "exact_over_generator": round(
            median(each["exact"] / each["generator"] for each in taken), 2
        ),
        "compact_over_generator": round(
            median(each["compact"] / each["generator"] for each in taken), 2
        ),
        "peak_bytes": peaks["exact"] - peaks["generator"],
        "peak_bytes_compact": peaks["compact"] - peaks["generator"],
        "peak_bytes_naive": peaks["naive"] - peaks["generator"],
        "images_per_second": {name: float(f"{setting.batch / typical[name]:.3g}") for name in WAYS},
    }


@torch.no_grad()
def _seconds(way: Callable[[], object], device: str) -> float:
    """Processor time, which other processes on the same cores disturb least; on an accelerator until it is done."""
    if device == "cpu":
        began = time.process_time()
        way()
        return time.process_time() - began
    torch.accelerator.synchronize()
    began = time.perf_counter()
    way()
    torch.accelerator.synchronize()
    return time.perf_counter() - began


def _peak_bytes(way: str, setting: Setting) -> int:
    """Most memory of a fresh process that labels once this way: resident, or an accelerator's."""
    command = [sys.executable, "-m", "benchmarks.label_head", *setting.asked, "--only", way]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def _ways(setting: Setting) -> dict[str, Callable[[], object]]:
    """The generator alone, and with each kind of label; `batch` images a call, ten members, 19 classes.

    Exact and naive have the paper's 256-32 hidden values, compact is what a fit has by default. Labels are as large as
    the image, at most 512 px.
    """
    kind: torch.dtype = getattr(torch, setting.precision)
    generator = random_generator(setting.px).lower_precision(kind).to(setting.device)
    config = generator.config
    taps, label_px = config.tap_channels, (min(setting.px, MAX_LABEL_PX),) * 2
    paper = _random(EnsembleConfig(tap_channels=taps, tasks=TASKS, hidden=PAPER_HIDDEN))
    rank = ensemble_options().rank
    compact = _random(EnsembleConfig(tap_channels=taps, tasks=TASKS, rank=rank))
    paper, compact = paper.to(setting.device), compact.to(setting.device)
    ws = generator.map(torch.randn(setting.batch, config.z_dim).to(setting.device))
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


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_head", description=__doc__)
    parser.add_argument("--px", type=int, nargs="+", choices=list(CHANNELS), default=[64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=1, help="images a call")
    parser.add_argument("--only", choices=WAYS, help="run this way once and print its peak memory")
    return parser.parse_args()


if __name__ == "__main__":
    main()
