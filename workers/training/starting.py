"""The networks of another generator, with which a training begins instead of random ones (`start_from`)."""

import json
from dataclasses import dataclass

from contracts.errors.jobs import InputMissing, InvalidImages
from contracts.generators.generator import StoredGenerator
from contracts.generators.training import TrainingOptions
from models.generators.training import GeneratorTraining
from models.serialization import unpack
from state import records
from workers.runtime.artefacts import read_artefact
from workers.runtime.jobs import Run


@dataclass(frozen=True)
class Start:
    """The generator that a training starts from."""

    run: Run
    generator: StoredGenerator

    @property
    def is_grey(self) -> bool:
        """Whether the generator has one channel; a training keeps its number."""
        config = json.loads(read_artefact(self.run.machine.store, self.generator.weights.config))
        return bool(config.get("image_channels", 3) == 1)

    def check_images(self, *, is_grey: bool) -> None:
        """Raise `InvalidImages` for color images and a grey generator."""
        if self.is_grey and not is_grey:
            raise InvalidImages(
                f"Expected grey images, as '{self.generator.id}' was trained on, got images with color. Convert them,"
                " or leave start_from out."
            )

    def load_into(self, training: GeneratorTraining) -> None:
        """Load the networks that the training has. Raise `InvalidImages` if they have other sizes."""
        stored = {
            "generator": self.generator.weights,
            "discriminator": self.generator.discriminator,
        }
        store, weights = self.run.machine.store, {}
        for name in (network.name for network in training.networks()):
            network = stored[name]
            if network is None:
                raise InputMissing(f"'{self.generator.id}' has no {name}. Leave start_from out.")
            weights[name] = unpack(read_artefact(store, network.tensors))
        try:
            training.load_networks(weights)
        except RuntimeError as error:  # torch: sizes or names of tensors differ
            size = f"{self.generator.height_px}x{self.generator.width_px}"
            raise InvalidImages(
                f"The networks of '{self.generator.id}' ({size} px) have other sizes than this training's. Request its"
                " px and size, or leave start_from out."
            ) from error


def read_start(run: Run, options: TrainingOptions) -> Start | None:
    """Return the generator to start from, None for random weights. Raise `InputMissing` if it has been deleted."""
    if options.start_from is None:
        return None
    generator = records.read_generator(run.machine.store, run.ref.tenant, options.start_from)
    if generator is None:
        raise InputMissing(
            f"The generator '{options.start_from}', the start of the training, has been deleted. Send a new request."
        )
    return Start(run, generator)
