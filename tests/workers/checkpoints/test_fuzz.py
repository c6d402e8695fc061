"""Mutated checkpoints: each is refused with a message or read. None crashes the reader or exceeds its limits.

The tests run for a few seconds; `python -m pytest -m fuzz tests/workers/checkpoints` runs for ten minutes, or for
HANDSOFF_FUZZ_SECONDS.
"""

import io
import json
import os
import random
import resource
import struct
import sys
import time
import zipfile
from pathlib import Path

import pytest
import safetensors.torch

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from models.serialization import pack
from state.settings import MiB
from tests.workers.checkpoints.makers import FIXTURES
from workers.checkpoints.checkpoint import MAX_MESSAGE, CheckpointRefused
from workers.checkpoints.stylegan2.reading import read_checkpoint

SHORT_SECONDS = 5
LONG_SECONDS = int(os.environ.get("HANDSOFF_FUZZ_SECONDS", "600"))
MAX_SECONDS_FOR_ONE = 20
MAX_RESIDENT_MIB = 1_500
LIBRARIES_MIB = 250

EXTREMES = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**64 - 1)
"""Numbers at which lengths, offsets and counts often fail."""


def seeds() -> dict[str, bytes]:
    """Return valid checkpoints of every format, so small that most mutations hit their structure."""
    config = GeneratorConfig(z_dim=4, w_dim=4, channels=(2, 2), num_mapping_layers=1)
    generator = Generator(config)
    config_json = json.dumps(config.to_dict())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("generator.json", config_json)
        archive.writestr("generator.safetensors", pack(generator.state_dict()))
    tensors = {f"generator.{k}": v.contiguous() for k, v in generator.state_dict().items()}
    files = ("rosinality-32.pt", "rosinality-legacy-32.pt", "nvidia-ada-skip-32.pkl")
    return {
        **{name: (FIXTURES / name).read_bytes() for name in files},
        "ours.zip": out.getvalue(),
        "ours.safetensors": safetensors.torch.save(tensors, {"generator": config_json}),
    }


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes with one to eight changes, most of them near both ends, where the structure is."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if len(changed) < 2:
            break
        at = _place(len(changed), rng)
        match rng.randrange(6):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                number = struct.pack("<Q", rng.choice(EXTREMES))[: rng.choice((1, 2, 4, 8))]
                changed[at : at + len(number)] = number
            case 3:
                del changed[at : at + rng.randint(1, 64)]
            case 4:
                source = _place(len(changed), rng)
                changed[at:at] = changed[source : source + rng.randint(1, 256)]
            case _:
                del changed[max(at, 64) :]
    return bytes(changed) or b"\x80"


def _place(length: int, rng: random.Random) -> int:
    near = min(20_000, length)
    return rng.choice(
        (rng.randrange(near), length - 1 - rng.randrange(near), rng.randrange(length))
    )


def fuzz(seconds: float, seed: int, path: Path) -> tuple[int, int]:
    """Read mutated files for `seconds`. Return how many were refused, and how many were read."""
    rng, valid = random.Random(seed), seeds()
    refused, read, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        name = rng.choice(sorted(valid))
        path.write_bytes(mutated(valid[name], rng))
        start, message = time.process_time(), ""
        try:
            read_checkpoint(path)
        except CheckpointRefused as refusal:
            message = str(refusal)
        refused, read = refused + bool(message), read + (not message)
        assert len(message) <= MAX_MESSAGE
        assert message.isprintable()
        assert time.process_time() - start < MAX_SECONDS_FOR_ONE
    return refused, read


def resident_mib() -> int:
    """Return the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // MiB


def memory_mib(field: str) -> float:
    """Return a figure of this process in MiB: VmRSS is resident memory, VmHWM its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def test_mutated_files_are_refused_or_read(tmp_path: Path) -> None:
    """A fixed seed gives the same mutations in each run, for a few seconds."""
    # The process has run other tests: reset its peak (proc(5), clear_refs) and count what is added.
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_mib("VmRSS")
    refused, _ = fuzz(SHORT_SECONDS, 0, tmp_path / "mutated")
    assert refused > 0
    assert memory_mib("VmHWM") - before < MAX_RESIDENT_MIB - LIBRARIES_MIB


@pytest.mark.fuzz
@pytest.mark.timeout(LONG_SECONDS + 120)
def test_mutated_files_are_refused_or_read_for_long(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each run uses another seed. The message of a failure has it."""
    if "fuzz" not in str(request.config.getoption("markexpr")):
        pytest.skip("runs only with: python -m pytest -m fuzz tests/workers/checkpoints")
    seed = random.SystemRandom().randrange(2**32)
    try:
        refused, read = fuzz(LONG_SECONDS, seed, tmp_path / "mutated")
    except Exception as error:
        kept = Path(f"fuzz-{seed}.bin")
        kept.write_bytes((tmp_path / "mutated").read_bytes())
        raise AssertionError(f"seed {seed}, file kept as {kept}") from error
    figures = {"seed": seed, "refused": refused, "read": read, "resident_mib": resident_mib()}
    sys.stdout.write(json.dumps(figures) + "\n")
    assert resident_mib() < MAX_RESIDENT_MIB
