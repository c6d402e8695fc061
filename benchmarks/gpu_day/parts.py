"""The parts of a GPU day: the command of each, its sizes on a GPU and in a dry run on the CPU, and its time limit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """A part is a command whose last line of standard output is JSON.

    `options` are its arguments on the accelerator, `dry_options` those of a dry run. `minutes` is the most it may take.
    """

    name: str
    module: str
    options: str
    dry_options: str
    minutes: float
    environment: Mapping[str, str] = field(default_factory=dict)
    dry_environment: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, out: Path, *, dry_run: bool) -> list[str]:
        """Return the words after the interpreter. `{out}` in the options is the folder of the results."""
        options = self.dry_options if dry_run else self.options
        return ["-m", self.module, *(word.format(out=out) for word in options.split())]

    def variables(self, *, dry_run: bool) -> Mapping[str, str]:
        """Return the environment variables that the part needs."""
        return self.dry_environment if dry_run else self.environment


PARTS = (
    # Pairs per second. The naive method takes one image per call: its hypercolumn alone has 3 GB in bfloat16.
    Part(
        "pairs",
        "benchmarks.speed.label_head",
        "--px 1024 --device cuda --precision bfloat16 --batch 16 --naive-batch 1 --rounds 10",
        "--px 64 --batch 1 --rounds 1 --no-peaks",
        minutes=5,
    ),
    Part(
        "precision",
        "benchmarks.gpu_day.precision",
        "--px 1024 --batch 8 --rounds 10 --labels 16 --samples 256",
        "--px 64 --batch 1 --rounds 1 --labels 4 --samples 2 --steps 2 --device cpu",
        minutes=4,
    ),
    Part(
        "training",
        "benchmarks.gpu_day.training",
        "",
        "--tiny --device cpu",
        minutes=5,
    ),
    Part(
        "service",
        "benchmarks.service.throughput",
        "--pairs 2048 --rounds 3",
        "--pairs 8 --rounds 1",
        minutes=5,
        environment={"HANDSOFF_DEVICE": "cuda"},
        dry_environment={"HANDSOFF_DEVICE": "cpu"},
    ),
    Part(
        "tests",
        "benchmarks.gpu_day.gpu_tests",
        "--report {out}/tests.xml",
        "--report {out}/tests.xml --may-skip",
        minutes=3,
    ),
    Part(
        "fit",
        "benchmarks.speed.fit",
        "--px 256 1024 --labels 16 --kind compact --device cuda --inversion-images 2 6"
        " --inversion-steps 20",
        "--px 64 --labels 1 --inversion-steps 1 --ensemble-steps 2 --same-process",
        minutes=3,
    ),
)
"""In the order in which they run. Together they take at most 25 minutes."""
