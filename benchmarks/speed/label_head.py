"""`python -m benchmarks.speed.label_head`: compare time and memory of labelling with the paper's method.

Weights are random. Methods alternate in one process on one thread; the report has the median of each round's ratio of
processor times (on an accelerator: of wall times). The naive method takes minutes at 1024 px and runs once. `pairs` are
compact labels with their images as bytes on the CPU. Peak memory comes from a new process per method and excludes the
generator's own. The last line is JSON, keyed by the generator's resolution.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from statistics import median

import torch

from benchmarks.defaults import ensemble_options
from benchmarks.speed.memory import own_peak_bytes
from benchmarks.speed.naive_head import naive_label
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import INIT_STD, Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import TaskSet

PAPER_HIDDEN = (256, 32)
TASKS = TaskSet(SegmentationTask(19))
CHANNELS = {
    64: (128, 128, 96, 48, 16),
    256: (512, 512, 512, 512, 512, 256, 128),
    512: (512, 512, 512, 512, 512, 256, 128, 64),
    1024: (512, 512, 512, 512, 512, 256, 128, 64, 32),
}
"""Channels of every block; from 256 px on they are those of config-f."""
MAX_LABEL_PX = 512
METHODS = ("generator", "exact", "compact", "pairs", "naive")


@dataclass(frozen=True)
class Setting:
    """One measurement: a generator's resolution, precision, device and batch sizes."""

    px: int
    precision: str
    device: str
    batch: int
    naive_batch: int

    @property
    def arguments(self) -> list[str]:
        """Return the setting as command-line arguments of a child process."""
        return [
            word
            for name, value in vars(self).items()
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]

    def images(self, method: str) -> int:
        """Return the number of images in one call of a method."""
        return self.naive_batch if method == "naive" else self.batch


def main() -> None:
    """Measure every requested resolution. As a child process, run one method once and print its peak memory."""
    parsed = _parse()
    torch.set_num_threads(1)
    sizes = (parsed.batch, parsed.naive_batch or parsed.batch)
    settings = [Setting(px, parsed.precision, parsed.device, *sizes) for px in parsed.px]
    if parsed.only:
        methods_of(settings[0])[parsed.only]()
        on_cpu = parsed.device == "cpu"
        print(own_peak_bytes() if on_cpu else torch.cuda.max_memory_allocated())
        return
    results = {}
    for setting in settings:
        results[str(setting.px)] = _measure(setting, parsed.rounds, peaks=parsed.peaks)
        print(f"{setting.px} px: {results[str(setting.px)]}", file=sys.stderr, flush=True)
    print(json.dumps(results))


def _measure(setting: Setting, rounds: int, *, peaks: bool) -> dict[str, object]:
    """Return ratios of time (labels and image over the image only). The first round is a warm-up."""
    methods = methods_of(setting)
    naive = methods.pop("naive")
    rounds_seconds = [
        {name: seconds_of(method, setting.device) for name, method in methods.items()}
        for _ in range(rounds + 1)
    ][1:]
    if setting.device != "cpu":  # the first call also chooses kernels and reserves memory
        seconds_of(naive, setting.device)
    last = {"naive": seconds_of(naive, setting.device)}
    typical = {name: median(each[name] for each in rounds_seconds) for name in methods} | last
    per_image = {name: typical[name] / setting.images(name) for name in METHODS}
    figures: dict[str, object] = {
        "naive_over_exact": round(per_image["naive"] / per_image["exact"], 2),
        "naive_over_pairs": round(per_image["naive"] / per_image["pairs"], 2),
        "exact_over_generator": round(
            median(each["exact"] / each["generator"] for each in rounds_seconds), 2
        ),
        "compact_over_generator": round(
            median(each["compact"] / each["generator"] for each in rounds_seconds), 2
        ),
        "images_per_second": {name: float(f"{1 / per_image[name]:.3g}") for name in METHODS},
    }
    return figures | (_peaks(setting) if peaks else {})


def _peaks(setting: Setting) -> dict[str, int]:
    """Return the peak memory of labels in bytes, without that of a generator with the same number of images."""
    peaks = {
        name: _peak_bytes(name, setting) for name in ("generator", "exact", "compact", "naive")
    }
    alone = _peak_bytes("generator", replace(setting, batch=setting.naive_batch))
    return {
        "peak_bytes": peaks["exact"] - peaks["generator"],
        "peak_bytes_compact": peaks["compact"] - peaks["generator"],
        "peak_bytes_naive": peaks["naive"] - alone,
    }


@torch.no_grad()
def seconds_of(method: Callable[[], object], device: str) -> float:
    """Return processor time on a CPU (least affected by other processes), wall time on an accelerator."""
    if device == "cpu":
        began = time.process_time()
        method()
        return time.process_time() - began
    torch.accelerator.synchronize()
    began = time.perf_counter()
    method()
    torch.accelerator.synchronize()
    return time.perf_counter() - began


def _peak_bytes(method: str, setting: Setting) -> int:
    """Return the peak memory of a new process that runs a method once: resident, or the accelerator's."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed.label_head",
        *setting.arguments,
        "--only",
        method,
    ]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def methods_of(setting: Setting) -> dict[str, Callable[[], object]]:
    """Return the methods: the generator only, and with each kind of labelling. Ten members, 19 classes, random codes.

    Exact and naive use the paper's 256-32 hidden units; compact uses the defaults of a fit. Labels have the size of the
    image, up to 512 px.
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
        "pairs": lambda: compact_labels.render(ws),
        "naive": lambda: naive_label(
            lowered, generator.synthesize(ws[: setting.naive_batch]).taps, label_px
        ),
    }


def random_generator(px: int) -> Generator:
    """Return a generator with random weights from a fixed seed."""
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=128, w_dim=128, channels=CHANNELS[px], num_mapping_layers=2)
    return Generator(config).eval().requires_grad_(False)


def _random(config: EnsembleConfig) -> Ensemble:
    ensemble = Ensemble(config)
    if ensemble.projection is not None:
        ensemble.projection.data.normal_(std=INIT_STD)
    return ensemble.eval().requires_grad_(False)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.label_head", description=__doc__
    )
    parser.add_argument("--px", type=int, nargs="+", choices=list(CHANNELS), default=[64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=1, help="images per call")
    parser.add_argument("--naive-batch", type=int, help="images per naive call (default --batch)")
    parser.add_argument(
        "--peaks",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure peak memory in a new process per method",
    )
    parser.add_argument(
        "--only", choices=METHODS, help="run this method once and print its peak memory"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
