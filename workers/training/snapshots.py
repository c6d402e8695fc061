"""Snapshots of a generator's training: samples, their distance to the images, and the state to resume from."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models.adversarial.frechet import frechet_distance, random_features
from models.generators.stylegan2.config import DiscriminatorConfig
from models.generators.training import BuiltNetwork, GeneratorTraining
from workers.runtime.weights import first_flaw
from workers.training.images.sources import ImageSource

NUM_GRID_SAMPLES = 64
GRID_COLUMNS = 8
MAX_CELL_PX = 128
PART = 50
"""Images whose features are computed at once."""

FEATURE_CHANNELS = (128, 128, 96, 48, 16)
"""Of the random network that measures distances, lowest resolution first; higher ones have the last number."""

MIN_BASE_PX = 4


class Diverged(Exception):
    """A loss, a sample or a weight is not finite. The best snapshot before it stays usable."""


class OtherNetworks(Exception):
    """A saved state is of other networks than those of the training."""


class Losses:
    """The sums of the losses of several steps, by name."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = 0

    def add(self, losses: Mapping[str, float]) -> None:
        """Add the losses of a step."""
        self._steps += 1
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Return the means over the steps since the last call."""
        means = {name: total / self._steps for name, total in self._sums.items()}
        self._sums, self._steps = {}, 0
        return means


@dataclass(frozen=True)
class Measurement:
    """The distance FD-R of the samples to the images (lower is better), and the first samples [n, 3, h, w].

    Samples larger than `MAX_CELL_PX` are reduced to at most that: a sheet of 64 at 1,024 px would take 100 MB.
    """

    fd: float
    samples: Tensor


class Ruler:
    """Measures the averaged generator of a training against its images. The same latents and images every time."""

    def __init__(self, images: ImageSource, *, seed: int, device: torch.device) -> None:
        self._images = images
        self._seed = seed
        self._device = device
        self._of_images: Tensor | None = None

    def measure(
        self, training: GeneratorTraining, on_part: Callable[[], object] = lambda: None
    ) -> Measurement:
        """Return the distance now. `on_part` is called often."""
        features, samples, num_kept = [], [], 0
        for part in training.samples(training.measured_samples, self._seed):
            features.append(random_features(part, feature_config(part)))
            if num_kept < NUM_GRID_SAMPLES:
                samples.append(_reduced(part[: NUM_GRID_SAMPLES - num_kept]).cpu())
                num_kept += len(samples[-1])
            on_part()
        if self._of_images is None:
            self._of_images = self._image_features(training.measured_samples, on_part)
        return Measurement(
            frechet_distance(self._of_images, torch.cat(features)), torch.cat(samples)
        )

    def _image_features(self, count: int, on_part: Callable[[], object]) -> Tensor:
        parts = []
        indices = range(min(count, len(self._images)))
        for start in indices[::PART]:
            images = self._images.read(indices[start : start + PART]).to(self._device)
            parts.append(random_features(images, feature_config(images)))
            on_part()
        return torch.cat(parts)


def _reduced(images: Tensor) -> Tensor:
    """Average squares of pixels of images [n, 3, h, w], so that neither side has more than `MAX_CELL_PX`."""
    factor = -(-max(images.shape[-2:]) // MAX_CELL_PX)
    return avg_pool2d(images, factor) if factor > 1 else images


def feature_config(images: Tensor) -> DiscriminatorConfig:
    """Return the random network for images [n, 3, h, w]: it halves them once, then while both sides are at least 8."""
    height, width = images.shape[-2:]
    blocks = 1
    while height % 2 == width % 2 == 0 and (blocks == 1 or min(height, width) >= 2 * MIN_BASE_PX):
        height, width, blocks = height // 2, width // 2, blocks + 1
    channels = [*FEATURE_CHANNELS, *[FEATURE_CHANNELS[-1]] * blocks][:blocks]
    return DiscriminatorConfig(channels=tuple(channels), base_px=(height, width))


def draw_grid(images: Tensor) -> Image.Image:
    """Return images [n, 3, h, w] in [-1, 1] as one picture, row by row."""
    pixels = images.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    missing = -len(pixels) % GRID_COLUMNS
    pixels = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), dtype=np.uint8)])
    rows = [
        np.hstack(list(pixels[start : start + GRID_COLUMNS]))
        for start in range(0, len(pixels), GRID_COLUMNS)
    ]
    return Image.fromarray(np.vstack(rows))


def encode_grid(images: Tensor) -> bytes:
    """Return the picture of `draw_grid` as PNG."""
    file = io.BytesIO()
    draw_grid(images).save(file, "PNG")
    return file.getvalue()


def finite_networks(training: GeneratorTraining) -> tuple[BuiltNetwork, ...]:
    """Return the networks of a training. Raises `Diverged` if a weight is not finite."""
    networks = training.networks()
    if any(first_flaw(built.network.state_dict()) for built in networks):
        raise Diverged
    return networks


def pack_state(training: GeneratorTraining, **facts: float | str) -> bytes:
    """Return the state of a training, torch's random states and further facts, as a file of `torch.save`."""
    file = io.BytesIO()
    state: dict[str, Any] = {"state": training.state_dict(), "rng": torch.get_rng_state(), **facts}
    if training.device.type == "cuda":
        state["cuda_rng"] = torch.cuda.get_rng_state(training.device)
    torch.save(state, file)
    return file.getvalue()


def unpack_state(data: bytes, device: torch.device) -> dict[str, Any]:
    """Return the content of `pack_state`. Only tensors and plain values are accepted: no code runs."""
    content: dict[str, Any] = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    return content


def restore(training: GeneratorTraining, saved: dict[str, Any]) -> None:
    """Continue from the content of `pack_state`. Raises `OtherNetworks`."""
    try:
        training.load_state_dict(saved["state"])
    except (KeyError, RuntimeError) as error:  # torch: names or sizes of tensors differ
        raise OtherNetworks(str(error)) from error
    torch.set_rng_state(saved["rng"].cpu())
    if "cuda_rng" in saved and training.device.type == "cuda":
        torch.cuda.set_rng_state(saved["cuda_rng"].cpu(), training.device)
