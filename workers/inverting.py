"""Finds the latent codes of labelled images, with the networks and numbers that a fit's request pins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch

from contracts.fits import FitRequest
from models.inversion.encoder import Encoder, build_encoder
from models.inversion.invert import Inversion, InversionOptions, invert
from models.inversion.perceptual import DiscriminatorDistance, PerceptualDistance
from models.stylegan2.discriminator import build_discriminator
from models.stylegan2.generator import Generator, build_generator
from workers.artefacts import load_network, read_generator, read_inverter
from workers.jobs import Run
from workers.machine import Machine
from workers.pairs import Pairs


@dataclass(frozen=True)
class Inverter:
    """A generator, what helps to invert it, and the options of the fit."""

    generator: Generator
    encoder: Encoder | None
    perceptual: PerceptualDistance | None
    options: InversionOptions

    @classmethod
    def open(cls, machine: Machine, request: FitRequest) -> Self:
        """Loads what the request pins. The discriminator is read only when its distance has a weight."""
        pinned, wanted = request.generator, request.options.inversion
        manifest = read_generator(machine, request.tenant, pinned.id, pinned.digest)
        encoder, perceptual = None, None
        if request.inverter_digest is not None:
            inverter = read_inverter(machine, manifest, request.inverter_digest)
            encoder = load_network(machine, inverter.weights, build_encoder)
        if wanted.perceptual_weight > 0 and manifest.discriminator is not None:
            discriminator = load_network(machine, manifest.discriminator, build_discriminator)
            perceptual = DiscriminatorDistance(discriminator)
        return cls(
            generator=load_network(machine, manifest.weights, build_generator),
            encoder=encoder,
            perceptual=perceptual,
            options=InversionOptions(
                **wanted.model_dump(), micro_batch=machine.settings.micro_batch
            ),
        )

    def invert(self, run: Run, stage: str, pairs: Pairs) -> Inversion:
        """The code of every image, micro-batch by micro-batch."""
        images = pairs.image_tensor()
        steps, num_finished = self.options.steps, 0

        def work(chunk: Sequence[int]) -> Inversion:
            return invert(
                self.generator,
                images[list(chunk)].to(run.machine.device),
                encoder=self.encoder,
                perceptual=self.perceptual,
                options=self.options,
                on_step=lambda done, _: run.step(
                    stage, num_finished * steps + done, len(pairs) * steps
                ),
            )

        parts = []
        for part in run.machine.micro_batches.run("inverting", range(len(pairs)), work):
            parts.append(part)
            num_finished += len(part.ws)
        return Inversion(
            ws=torch.cat([part.ws for part in parts]),
            reconstructions=torch.cat([part.reconstructions for part in parts]),
            psnr_db=torch.cat([part.psnr_db for part in parts]),
        )
