"""Opens the perceptual distance that a fit asks for: the generator's discriminator, or weights the operator mounted.

Mounted are SqueezeNet 1.1's features as one .npz or .safetensors file under torchvision's names, LPIPS's linear heads
among them or not; a .json of the same name says what pixels they expect.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from contracts.digests import sha256_of_file
from contracts.errors.jobs import InputMissing
from contracts.fits.options import InversionOptions
from contracts.generators import StoredGenerator
from models.generators.stylegan2.discriminator import build_discriminator
from models.inversion.perceptual import DiscriminatorDistance, PerceptualDistance
from models.inversion.squeezenet import SqueezeNet, SqueezeNetDistance, build_squeezenet
from models.serialization import unpack
from workers.runtime.artefacts import load_network
from workers.runtime.machine import Machine


@dataclass(frozen=True)
class Port:
    """What the loss weighs, None where it weighs no perceptual distance; and which weights it is, if mounted ones."""

    distance: PerceptualDistance | None
    mounted_sha256: str | None = None


def open_discriminator(machine: Machine, manifest: StoredGenerator) -> DiscriminatorDistance | None:
    """The distance in the features of the generator's own discriminator; None where it came without one."""
    if manifest.discriminator is None:
        return None
    return DiscriminatorDistance(load_network(machine, manifest.discriminator, build_discriminator))


def open_wanted(machine: Machine, manifest: StoredGenerator, wanted: InversionOptions) -> Port:
    """The perceptual distance that a fit's options name.

    Raises:
        InputMissing: there is no discriminator, nothing is mounted, or other weights than the options pin.
    """
    if not wanted.perceptual_weight:
        return Port(None)
    if wanted.perceptual == "mounted":
        return _mounted(machine, wanted.perceptual_sha256)
    distance = open_discriminator(machine, manifest)
    if distance is None:
        raise InputMissing(
            f"The request weighs a perceptual distance, but generator '{manifest.id}' came without the"
            " discriminator that measures it. Make the fit anew with perceptual_weight 0."
        )
    return Port(distance)


def read_mounted(path: Path) -> SqueezeNet:
    """The network in a weights file.

    Raises:
        ValueError: the file has another suffix, or other tensors than SqueezeNet 1.1's features.
    """
    described = path.with_suffix(".json")
    config = json.loads(described.read_bytes()) if described.exists() else {}
    try:
        return build_squeezenet(config, _tensors(path))
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"'{path.name}' is not SqueezeNet 1.1 under torchvision's names ('features.0.weight', ...): {error}"
        ) from error


def _mounted(machine: Machine, pinned: str | None) -> Port:
    path = machine.settings.perceptual_weights
    if path is None:
        raise InputMissing(
            "The request weighs a mounted perceptual distance, but this worker has none: its operator sets"
            " HANDSOFF_PERCEPTUAL_WEIGHTS. Make the fit anew with perceptual 'discriminator'."
        )
    sha256 = sha256_of_file(path)
    if pinned not in (None, sha256):
        raise InputMissing(
            f"The request pins mounted weights of SHA-256 {pinned}, but this worker has {sha256}. Mount those, or make"
            " the fit anew with the digest of these, or none."
        )
    network = machine.networks.get(sha256, lambda: read_mounted(path).to(machine.device))
    return Port(SqueezeNetDistance(network), sha256)


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return unpack(path.read_bytes())
    if path.suffix != ".npz":
        raise ValueError(f"'{path.name}' should end in .npz or .safetensors")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
