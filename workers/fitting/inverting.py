"""Finds the codes of real images, with the networks and options that a fit's request pins."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from contracts.fits.fit import FitRequest
from contracts.fits.metrics import InvertedImage
from models.generators.generator import Generator
from models.inversion.detail import MIN_DETAIL, detail_shown
from models.inversion.framing import MAX_IMAGES, Framing, find_framing, measure_framing
from models.inversion.inverter import (
    ConditionalInverter,
    Inversion,
    Inverter,
    ResumableInverter,
)
from models.inversion.perceptual import PerceptualDistance, distances
from models.inversion.spacing import EXACT_SPACING, SampleSpacing, measure_spacing
from models.labels.label_generator import to_bytes
from models.states import AT_START, Resumption
from workers.codecs.images import Pixels
from workers.families.family import find_family, load_generator
from workers.fitting.pairs import Pairs
from workers.fitting.perceptual_ports import open_port
from workers.runtime.artefacts import read_generator, read_inverter
from workers.runtime.machine import Machine
from workers.runtime.micro_batches import MicroBatches
from workers.saving.kept_codes import KeptCodes, Measured


class RealImages(Protocol):
    """Real images at the generator's size, in the framing of the fit. `Pairs` are such images with labels."""

    def __len__(self) -> int: ...

    def image_tensor(self, indices: Sequence[int]) -> Tensor:
        """Return some images as float32 [n, 3, h, w] in [-1, 1]."""

    def condition_tensor(self, indices: Sequence[int]) -> Tensor | None:
        """Return the conditions of some images, int64 [n]; None without conditions."""


@dataclass(frozen=True)
class Inverted:
    """The inversion of real images: codes, reconstructions as bytes, and their distances from the images.

    `expressibility` is 0 to 1; an image is expressible from 0.5 on (`SampleSpacing.expressibility`).

    Only the codes stay on the device: at 1024 px a reconstruction is 12 MB there, and a labelset may have 1,000 images.
    """

    codes: Tensor
    reconstructions: tuple[Pixels, ...]
    psnr_db: tuple[float, ...]
    perceptual_distances: tuple[float | None, ...]
    are_expressible: tuple[bool, ...]
    expressibility: tuple[float, ...]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the concatenation of all micro-batches."""
        return cls(
            torch.cat([part.codes for part in parts]),
            tuple(pixels for part in parts for pixels in part.reconstructions),
            tuple(psnr for part in parts for psnr in part.psnr_db),
            tuple(distance for part in parts for distance in part.perceptual_distances),
            tuple(verdict for part in parts for verdict in part.are_expressible),
            tuple(score for part in parts for score in part.expressibility),
        )

    def by_image(self, names: Sequence[str]) -> tuple[InvertedImage, ...]:
        """Return how well the generator expresses each image. `names` are the names of the images, in order."""
        return tuple(
            InvertedImage(
                name=name,
                psnr_db=round(psnr, 3),
                perceptual_distance=None if distance is None else round(distance, 4),
                is_expressible=verdict,
            )
            for name, psnr, distance, verdict in zip(
                names, self.psnr_db, self.perceptual_distances, self.are_expressible, strict=True
            )
        )


@dataclass(frozen=True)
class FitInverter:
    """A generator, its inverter, and the distance and sample spacing that measure the result."""

    generator: Generator
    inverter: Inverter
    distance: PerceptualDistance | None
    spacing: SampleSpacing
    digest: str
    micro_batches: MicroBatches
    perceptual_sha256: str | None

    @classmethod
    def open(cls, machine: Machine, request: FitRequest) -> Self:
        """Load the networks that the request pins, and measure the generator's samples unless inversion is exact.

        Raises:
            InputMissing: one of them is gone, or the mounted perceptual weights differ from the pinned ones.
        """
        pinned, options = request.generator, request.options.inversion
        store, loader, batches = machine.store, machine.loader, machine.micro_batches
        manifest = read_generator(store, request.tenant, pinned.id, pinned.digest)
        family = find_family(machine.families, manifest)
        encoder = None
        if request.inverter_digest is not None:
            digest = request.inverter_digest
            encoder = read_inverter(store, request.tenant, manifest, digest).weights
        distance = family.open_distance(loader, manifest)
        port = open_port(loader, distance, options, mounted=machine.settings.perceptual_weights)
        generator = load_generator(loader, machine.families, manifest)
        inverter = family.open_inverter(
            loader, manifest, options, encoder=encoder, distance=port.distance
        )
        spacing = EXACT_SPACING
        if not inverter.is_exact:
            spacing = batches.shrinking(
                "measuring samples",
                manifest.digest,
                lambda size: measure_spacing(generator, distance, size),
                largest=batches.max_size(generator.layout.synthesis_bytes),
            )
        return cls(
            generator=generator,
            inverter=inverter,
            distance=distance,
            spacing=spacing,
            digest=manifest.digest,
            micro_batches=batches,
            perceptual_sha256=port.mounted_sha256,
        )

    def find_framing(self, pairs: Pairs, *, is_requested: bool) -> Framing:
        """Return the crop of the images that matches the generator's framing; the identity if they match already.

        It costs 256 samples. Where inversion is exact, images of any framing are reconstructed: the framing is then
        measured only if the fit is requested to crop.
        """
        if self.inverter.is_exact and not is_requested:
            return Framing()
        prior = self.micro_batches.shrinking(
            "measuring the framing",
            self.digest,
            lambda size: measure_framing(self.generator, size),
            largest=self.micro_batches.max_size(self.generator.layout.synthesis_bytes),
        )
        chosen = range(min(len(pairs), MAX_IMAGES))
        return find_framing(prior, pairs.image_tensor(chosen).to(self.generator.device))

    def invert(
        self,
        images: RealImages,
        on_step: Callable[[int, int], None],
        kept: KeptCodes | None = None,
    ) -> Inverted:
        """Find the code of every image, micro-batch by micro-batch; `on_step(done, total)` counts image-steps.

        `kept` has the codes of earlier attempts and fits. Where inversion is exact it is not used.
        """
        return Inverted.joined(list(self._parts(images, on_step, kept)))

    def _parts(
        self, real: RealImages, on_step: Callable[[int, int], None], kept: KeptCodes | None
    ) -> Iterator[Inverted]:
        num_finished = 0

        def work(chunk: Sequence[int]) -> Inverted:
            def progress(done: int, total: int) -> None:
                effort = total // len(chunk)
                on_step(num_finished * effort + done, len(real) * effort)

            return self._invert_chunk(real, chunk, progress, kept)

        for part in self.micro_batches.run(
            "inverting",
            self.digest,
            range(len(real)),
            work,
            largest=self.micro_batches.max_size(self.inverter.image_bytes),
        ):
            num_finished += len(part.codes)
            yield part

    def _invert_chunk(
        self,
        real: RealImages,
        chunk: Sequence[int],
        on_step: Callable[[int, int], None],
        kept: KeptCodes | None,
    ) -> Inverted:
        pixels = real.image_tensor(chunk)
        images = pixels.to(self.generator.device)
        inverter = self._inverter_of(real, chunk)
        rendered: list[Tensor] = []

        def invert(resumption: Resumption, on_step: Callable[[int, int], None]) -> Measured:
            resuming = inverter
            if isinstance(inverter, ResumableInverter):
                resuming = inverter.resuming(resumption)
            inversion = resuming.invert(
                images, fails_below_db=self.spacing.fails_below_db, on_step=on_step
            )
            rendered.append(inversion.reconstructions)
            return self._measured(inversion, images)

        if kept is None or self.inverter.is_exact:
            measured = invert(AT_START, on_step)
        else:
            measured = kept.codes_of(pixels, real.condition_tensor(chunk), invert, on_step)
        if not rendered:
            # Only the codes are kept: pixels take more space, and rendering them takes one step of hundreds.
            with torch.no_grad():
                rendered.append(self.generator.synthesize(measured.codes).images)
        return Inverted(reconstructions=tuple(to_bytes(rendered[-1]).numpy()), **vars(measured))

    def _measured(self, inversion: Inversion, images: Tensor) -> Measured:
        """Return the codes of images, and how well their reconstructions match."""
        distance = self._distances(inversion.reconstructions, images)
        detail = detail_shown(inversion.reconstructions.clamp(-1, 1), images)
        is_close = self.spacing.expresses(inversion.psnr_db, distance)
        return Measured(
            inversion.codes,
            tuple(inversion.psnr_db.tolist()),
            (None,) * len(images) if distance is None else tuple(distance.tolist()),
            tuple((is_close & (detail >= MIN_DETAIL)).tolist()),
            tuple(self.spacing.expressibility(inversion.psnr_db, distance, detail).tolist()),
        )

    def _inverter_of(self, real: RealImages, chunk: Sequence[int]) -> Inverter:
        """Return the inverter of these images, which knows their conditions if it uses them."""
        condition = real.condition_tensor(chunk)
        if condition is None or not isinstance(self.inverter, ConditionalInverter):
            return self.inverter
        return self.inverter.with_condition(condition.to(self.generator.device))

    def _distances(self, reconstructions: Tensor, images: Tensor) -> Tensor | None:
        if self.distance is None:
            return None
        return distances(self.distance, reconstructions.clamp(-1, 1), images)
