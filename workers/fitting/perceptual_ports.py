"""Opens the perceptual distance of a fit: the generator's own, or one with weights that the operator mounted.

Mounted weights are the features of SqueezeNet 1.1 in one .npz or .safetensors file with torchvision's names, with or
without LPIPS's linear heads. A .json with the same stem states the expected pixel normalization.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contracts.digests import sha256_of_file
from contracts.errors.jobs import InputMissing
from contracts.fits.options import InversionOptions
from models.inversion.perceptual import PerceptualDistance
from models.inversion.squeezenet import SqueezeNet, SqueezeNetDistance, build_squeezenet
from models.serialization import unpack
from workers.checkpoints.files.json_objects import read_json
from workers.runtime.loading import NetworkLoader


@dataclass(frozen=True)
class Port:
    """The distance in the loss, or None, and the digest of its weights if they are mounted."""

    distance: PerceptualDistance | None
    mounted_sha256: str | None = None


def open_port(
    loader: NetworkLoader,
    own: PerceptualDistance | None,
    options: InversionOptions,
    *,
    mounted: Path | None,
) -> Port:
    """Return the perceptual distance that a fit's options name.

    `own` is the distance of the generator's family, `mounted` the path of the operator's weights.

    Raises:
        InputMissing: the generator has no distance, or no weights are mounted, or they differ from the pinned ones.
    """
    if not options.perceptual_weight:
        return Port(None)
    if options.perceptual == "mounted":
        return _open_mounted(loader, mounted, options.perceptual_sha256)
    if own is None:
        raise InputMissing(
            "The request uses a perceptual distance, but its generator has no discriminator to measure it."
            " Create a new fit with perceptual_weight 0."
        )
    return Port(own)


def read_mounted(path: Path) -> SqueezeNet:
    """Read the network in a weights file.

    Raises:
        ValueError: the suffix is not .npz or .safetensors, or the tensors are not those of SqueezeNet 1.1.
    """
    described = path.with_suffix(".json")
    config = read_json(described.read_bytes()) if described.exists() else {}
    try:
        return build_squeezenet(config, _tensors(path))
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"expected SqueezeNet 1.1 under torchvision's names ('features.0.weight', ...) in '{path.name}': {error}"
        ) from error


def _open_mounted(loader: NetworkLoader, path: Path | None, pinned: str | None) -> Port:
    if path is None:
        raise InputMissing(
            "The request uses a mounted perceptual distance, but this worker has no mounted weights. Ask the operator"
            " to set HANDSOFF_PERCEPTUAL_WEIGHTS, or create a new fit with perceptual 'discriminator'."
        )
    sha256 = sha256_of_file(path)
    if pinned not in (None, sha256):
        raise InputMissing(
            f"The request pins mounted weights with SHA-256 {pinned}, but this worker has {sha256}. Mount the pinned"
            f" weights, or create a new fit with this worker's digest or without a digest."
        )
    network = loader.load_mounted(sha256, lambda: read_mounted(path))
    return Port(SqueezeNetDistance(network), sha256)


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return unpack(path.read_bytes())
    if path.suffix != ".npz":
        raise ValueError(f"expected a file that ends in .npz or .safetensors, got '{path.name}'")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
