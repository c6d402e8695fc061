"""The workers' interface of a generator family: one object per family, passed down from the worker's main.

A new family needs a network in `models/generators/NAME/`, a row with its facts in `contracts/generators/families.py`,
and one class that implements `Family`, in the tuple of `table.py`. No other file names it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from contracts.base import Model
from contracts.errors.jobs import InputMissing
from contracts.fits.options import InversionOptions
from contracts.generators.families import GeneratorFamily, UnknownFamily, family_of
from contracts.generators.generator import StoredGenerator, Weights
from contracts.generators.import_options import NO_OPTIONS, ImportOptions
from contracts.generators.inverters import InverterOptions
from contracts.generators.training import TrainingOptions
from models.generators.generator import Generator, Layout
from models.generators.training import BuiltNetwork, GeneratorTraining
from models.inversion.inverter import Inverter
from models.inversion.perceptual import PerceptualDistance
from state.settings import Precision
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, Recognized
from workers.runtime.loading import NetworkLoader


@dataclass(frozen=True)
class Description:
    """The part of a generator's manifest that follows from its configuration. `facts` are specific to the family."""

    architecture: str
    layout: Layout
    facts: Model


@dataclass(frozen=True)
class TrainingImages:
    """The facts about the images of a generator's training that decide its networks. `image_px` is (height, width)."""

    count: int
    image_px: tuple[int, int]
    is_grey: bool


@dataclass(frozen=True)
class StartedTraining:
    """A training before its first step, and the images of each step."""

    training: GeneratorTraining
    batch: int


class InverterTraining(Protocol):
    """An encoder's training in progress: `Family.train_inverter` passes it to `on_step` after every batch."""

    images_seen: int
    losses: dict[str, float]

    @property
    def total_images(self) -> int: ...

    def to_bytes(self) -> bytes:
        """Return the state from which the training can resume."""


class Family(Protocol):
    """Everything about generators that depends on their family.

    The class takes no arguments and is defined at the top of its module: the converting child creates an instance.
    """

    @property
    def contract(self) -> GeneratorFamily:
        """The family's name and facts. The app uses the same rows."""

    def read_checkpoint(self, path: Path, options: ImportOptions) -> Checkpoint:
        """Read a file or folder without running code from it. Raises `CheckpointRefused`.

        A format that uses `options` says so in its checkpoint (`takes_options`); the caller refuses them for others.
        """

    def build(self, checkpoint: Checkpoint) -> Iterator[BuiltNetwork]:
        """Build every network of a checkpoint. A generator that is built here also works in `build_generator`."""

    def describe(self, config: Mapping[str, Any]) -> Description:
        """Return the description of a generator with this configuration, the JSON beside its weights."""

    def build_generator(
        self,
        config: dict[str, Any],
        tensors: dict[str, Tensor],
        precision: torch.dtype = torch.float32,
    ) -> Generator:
        """Build a frozen generator on the CPU, its highest feature maps in `precision`."""

    def open_distance(
        self, loader: NetworkLoader, generator: StoredGenerator
    ) -> PerceptualDistance | None:
        """Return the perceptual distance in features of the generator's networks, or None."""

    def open_inverter(
        self,
        loader: NetworkLoader,
        generator: StoredGenerator,
        options: InversionOptions,
        *,
        encoder: Weights | None,
        distance: PerceptualDistance | None,
    ) -> Inverter:
        """Return the inverter of images with the options that a fit pins."""

    def size_factor(self, longer_px: int) -> int:
        """Return the number that divides both sides of a trained generator's images with this longer side."""

    def start_training(
        self, options: TrainingOptions, images: TrainingImages, device: torch.device
    ) -> StartedTraining:
        """Build new networks for images of this size, with weights from torch's global generator.

        Never called if the family is not trainable.
        """

    def train_inverter(
        self,
        loader: NetworkLoader,
        generator: StoredGenerator,
        options: InverterOptions,
        *,
        seed: int,
        state: bytes | None,
        on_step: Callable[[InverterTraining], None],
    ) -> BuiltNetwork:
        """Train an encoder; resume from `state` if it is given. Never called if the family has no inverters."""


def find_family(families: Sequence[Family], generator: StoredGenerator) -> Family:
    """Return the family of a generator. Raises `InputMissing` if this worker does not have it."""
    try:
        row = family_of(generator, [family.contract for family in families])
    except UnknownFamily as error:
        raise InputMissing(str(error)) from None
    return family_named(families, row.name)


def family_named(families: Sequence[Family], name: str) -> Family:
    """Return the family with this name. Raises `ValueError` if there is none."""
    for family in families:
        if family.contract.name == name:
            return family
    names = ", ".join(family.contract.name for family in families)
    raise ValueError(f"expected the name of a family ({names}), got '{name}'")


def load_generator(
    loader: NetworkLoader,
    families: Sequence[Family],
    generator: StoredGenerator,
    precision: Precision = "float32",
) -> Generator:
    """Load a generator from its stored weights and JSON; its architecture selects the family."""
    family = find_family(families, generator)
    build = partial(family.build_generator, precision=getattr(torch, precision))
    return loader.load(generator.weights, build, precision)


def read_checkpoint(
    families: Sequence[Family], path: Path, options: ImportOptions = NO_OPTIONS
) -> tuple[Family, Checkpoint]:
    """Read a checkpoint with the first family that accepts it.

    Raises:
        CheckpointRefused: no family accepts it. The message is the first family's, or that of a family that recognized
            the file and found a flaw in it.
        Recognized: its format takes no import options, but `options` has some.
    """
    refusals = []
    for family in families:
        try:
            checkpoint = family.read_checkpoint(path, options)
        except Recognized:
            raise
        except CheckpointRefused as refusal:
            refusals.append(refusal)
        else:
            _refuse_unused(options, checkpoint)
            return family, checkpoint
    raise refusals[0]


def _refuse_unused(options: ImportOptions, checkpoint: Checkpoint) -> None:
    """Refuse options that the format does not use: their owner expects that they change something."""
    names = options.stated()
    if names and not checkpoint.takes_options:
        refusal = Recognized(
            f"the format {checkpoint.format} takes no import options, got {', '.join(names)}",
            "Leave them out. Only state dicts of guided-diffusion (.pt) need them.",
        )
        raise Recognized(refusal.message())


def reference_of(family: Family) -> str:
    """Return `module:Class`, by which another process finds the family."""
    return f"{type(family).__module__}:{type(family).__qualname__}"


def resolve(reference: str) -> Family:
    """Return the family of a reference `module:Class`."""
    module, _, name = reference.partition(":")
    family: Family = getattr(import_module(module), name)()
    return family
