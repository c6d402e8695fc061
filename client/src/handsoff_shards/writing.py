"""Write a shard: the files of samples in, one tar out. The same files always give the same bytes.

Images, masks and depth maps are passed as encoded files: their encoders belong to the caller.
"""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from handsoff_shards.members import UNCERTAINTY_STEPS_PER_NAT, Files, key_of
from handsoff_shards.originals import Original

MAX_DEPTH_STEP = 2**16 - 1
FACT_DECIMALS = 6
POINT_DECIMALS = 3


class Target(Protocol):
    """A file to write to, from front to back."""

    def write(self, data: bytes, /) -> int: ...
    def tell(self) -> int: ...


class ShardWriter:
    """Writes samples in the order of `add`. The tar is complete when the `with` block ends without an error."""

    def __init__(self, target: Target) -> None:
        self._tar = tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT)  # type: ignore[call-overload]  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tar.__exit__(kind, error, trace)

    def add(self, index: int, files: Files) -> None:
        """Append the files of the sample `index`, in their order."""
        for extension, data in files.items():
            header = _header(f"{key_of(index)}.{extension}", len(data))
            self._tar.addfile(header, io.BytesIO(data))


def encode_facts(
    *,
    seed: int,
    index: int,
    attempt: int,
    score: float,
    scores: Mapping[str, float],
    **labels: object,
) -> bytes:
    """Return the facts of a sample as its `json` file. `scores` is by task.

    `labels` has facts of the labels: `class_fractions` and `ignored_fraction` of a mask, `depth` as the schema of a
    depth map.
    """
    facts = {
        "seed": seed,
        "index": index,
        "attempt": attempt,
        "score": round(score, FACT_DECIMALS),
        "scores": rounded(scores),
    }
    return json.dumps(facts | labels).encode()


def encode_real_facts(
    *,
    index: int,
    original: Original,
    score: float,
    scores: Mapping[str, float],
    expressibility: float,
    is_expressible: bool,
    **labels: object,
) -> bytes:
    """Return the facts of a labelled real image as its `json` file. The other arguments are those of `encode_facts`.

    `expressibility` is 0 to 1: how well the generator reconstructs the image. A real image has no seed.
    """
    facts = {
        "index": index,
        "original": original.json(),
        "score": round(score, FACT_DECIMALS),
        "scores": rounded(scores),
        "expressibility": round(expressibility, FACT_DECIMALS),
        "is_expressible": is_expressible,
    }
    return json.dumps(facts | labels).encode()


def rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return numbers with the decimals of facts."""
    return {name: round(float(number), FACT_DECIMALS) for name, number in numbers.items()}


def encode_keypoints(
    names: Sequence[str], points: NDArray[np.float32], visibility: NDArray[np.uint8]
) -> bytes:
    """Return points [k, 3] (x, y, confidence) and visibility [k] as `keypoints.json`, which an upload accepts too."""
    rows = zip(names, points.tolist(), visibility.tolist(), strict=True)
    named = [
        {
            "name": name,
            "x": round(x, POINT_DECIMALS),
            "y": round(y, POINT_DECIMALS),
            "visibility": visible,
            "confidence": round(confidence, POINT_DECIMALS),
        }
        for name, (x, y, confidence), visible in rows
    ]
    return json.dumps({"keypoints": named}).encode()


def depth_steps(
    depth: NDArray[np.float32], scale: float, unknown: int | None
) -> NDArray[np.uint16]:
    """Quantize a generated depth map [height, width] to steps of `scale`, clipped at both ends.

    Every generated depth is known. So a depth that equals the value `unknown` is moved by one step.
    """
    steps: NDArray[np.uint16] = np.rint(depth / scale).clip(0, MAX_DEPTH_STEP).astype(np.uint16)
    if unknown is not None:
        steps[steps == unknown] = unknown + 1 if unknown < MAX_DEPTH_STEP else unknown - 1
    return steps


def uncertainty_steps(nats: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Quantize uncertainty [height, width] in nats to 255 steps per nat, clipped at 1 nat."""
    return np.rint(np.clip(nats, 0.0, 1.0) * UNCERTAINTY_STEPS_PER_NAT).astype(np.uint8)


def soft_label_planes(classes: NDArray[np.uint8], steps: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the kept classes and their probabilities in steps of 1/255, each [k, height, width], as one picture."""
    return np.concatenate([classes, steps]).reshape(-1, classes.shape[2])


def with_ignored_color(palette: Sequence[int], num_classes: int, ignore_index: int) -> bytes:
    """Return a palette (R, G, B of 256 colors) in which `ignore_index` has the color of no class.

    An upload reads a palette by its colors if the classes have some, and would read ignored pixels as that class.
    """
    colors = [tuple(palette[3 * row : 3 * row + 3]) for row in range(256)]
    grays = ((level,) * 3 for level in range(255, -1, -1))  # one is free: at most 255 classes
    candidates = (colors[ignore_index], *grays)
    colors[ignore_index] = next(each for each in candidates if each not in colors[:num_classes])
    return bytes(value for color in colors for value in color)


def _header(name: str, num_bytes: int) -> tarfile.TarInfo:
    """Return a header without clock and user: `TarInfo` starts with mtime 0 and owner 0."""
    header = tarfile.TarInfo(name)
    header.size = num_bytes
    header.mode = 0o644
    return header
