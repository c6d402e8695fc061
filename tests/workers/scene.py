"""A scene for worker tests: a 32 px generator with random weights, labelled noise, and the app's requests.

Store, Redis and networks are real and small: a fit takes about a second.
"""

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import redis
import torch

from contracts.base import Artefact, now
from contracts.batches import BatchManifest, BatchRequest
from contracts.digests import sha256_of
from contracts.fits.fit import FitManifest, FitRequest, PinnedLabelset
from contracts.fits.options import EnsembleOptions, InversionOptions, ResolvedFitOptions
from contracts.generators.generator import PinnedGenerator
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import Cancellation, JobRef
from contracts.kinds import KINDS, Kind, Kinds
from contracts.labelsets import (
    LabelledPoint,
    LabelsetEntry,
    LabelsetManifest,
    StoredKeypoints,
    labelset_digest,
)
from contracts.recipes.recipe import RENDER_VERSION, Filter, PinnedFit
from contracts.schemas import DepthSchema, KeypointSchema, LabelSchema
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.workers.known_fits import known_fit
from workers.codecs.depth import encode_depth
from workers.codecs.images import Pixels, encode_image
from workers.codecs.segmentation import encode_mask
from workers.families.table import FAMILIES
from workers.fitting import fits
from workers.importing.builtin import publish
from workers.rendering.label_generators import open_generator
from workers.runtime.artefacts import read_artefact
from workers.runtime.machine import Machine
from workers.runtime.micro_batches import MicroBatches
from workers.runtime.pulse import Pulse
from workers.runtime.warm import WarmNetworks
from workers.runtime.weights import write_network

GENERATOR = "tiny-32"
PX = 32
LABELS = LabelSchema(classes=("left", "right"))
ALL_TASKS = LabelSchema(
    classes=("left", "right"),
    colors=((10, 20, 30), (200, 100, 50)),
    keypoints=KeypointSchema(
        names=("head_top", "chin"),
        skeleton=(("head_top", "chin"),),
        reference=("head_top", "chin"),
    ),
    depth=DepthSchema(unit="m", scale=0.001),
)
POINTS = (
    StoredKeypoints(
        points=(
            LabelledPoint(x=16.0, y=4.0, visibility=2),
            LabelledPoint(x=16.0, y=28.0, visibility=1),
        )
    )
    .model_dump_json()
    .encode()
)
DEPTH = encode_depth(
    np.repeat(np.array([[1.0, 2.0]], np.float32), PX // 2, axis=1).repeat(PX, axis=0),
    DepthSchema(unit="m", scale=0.001),
)
CONFIG = GeneratorConfig(z_dim=16, w_dim=16, channels=(16, 16, 8, 8), num_mapping_layers=2)
QUICK = ResolvedFitOptions(
    inversion=InversionOptions(
        steps=4,
        learning_rate=0.05,
        pixel_weight=1.0,
        perceptual_weight=0.0,
        encoder_pull=0.0,
        prior_weight=0.0,
    ),
    ensemble=EnsembleOptions(num_members=2, hidden=(8, 8), steps=20, batch_pixels=64),
)


def write_generator(folder: Path) -> Path:
    """Write a generator with random weights as the files of a built-in one; return their folder."""
    torch.manual_seed(0)
    source = folder / GENERATOR
    write_network(source, "generator", Generator(CONFIG), CONFIG.to_dict())
    return source


def open_machine(
    settings: Settings, store: Store, ledger: Ledger, kinds: tuple[Kind, ...] = KINDS
) -> Machine:
    """Return a machine on the CPU."""
    return Machine(
        settings=settings,
        store=store,
        ledger=ledger,
        redis=redis.Redis.from_url(settings.redis_url.get_secret_value()),
        device=torch.device("cpu"),
        networks=WarmNetworks(settings.max_warm_bytes),
        micro_batches=MicroBatches(settings.micro_batch),
        pulse=Pulse(),
        families=FAMILIES,
        kinds=Kinds(kinds),
    )


@dataclass(frozen=True)
class Scene:
    """A machine, and the objects that the app would have stored for it."""

    machine: Machine

    def publish_generator(self, folder: Path) -> None:
        """Put the random generator into the store."""
        publish(self.machine, write_generator(folder))

    def add_labelset(
        self,
        num_images: int = 4,
        *,
        is_labelled: bool = True,
        labels: LabelSchema = LABELS,
        images: Sequence[Pixels] | None = None,
    ) -> PinnedLabelset:
        """Store labelled noise or `images`: class 0 on the left half, class 1 on the right; or all pixels ignored.

        If the schema has keypoints, they lie at the middle of the top and of the bottom (covered). With depth, the
        right half is twice as deep as the left.
        """
        labelset_id = new_id("labelset")
        mask = np.zeros((PX, PX), dtype=np.uint8)
        mask[:, PX // 2 :] = 1
        if not is_labelled:
            mask[:] = LABELS.ignore_index
        counts = np.bincount(mask.ravel(), minlength=256).tolist()
        random = np.random.default_rng(0)
        if images is None:
            noise = (num_images, PX, PX, 3)
            images = list(random.integers(0, 256, noise, dtype=np.uint8))
        entries = tuple(
            LabelsetEntry(
                name=f"image-{index}",
                image=self._put(labelset_id, encode_image(images[index])),
                mask=self._put(labelset_id, encode_mask(mask)) if labels.classes else None,
                keypoints=self._put(labelset_id, POINTS, "json") if labels.keypoints else None,
                depth=self._put(labelset_id, DEPTH) if labels.depth else None,
                height_px=PX,
                width_px=PX,
                class_pixels=tuple(counts[: labels.num_classes]),
                ignored_pixels=counts[labels.ignore_index],
                visibility=(2, 1) if labels.keypoints else (),
            )
            for index in range(num_images)
        )
        manifest = LabelsetManifest(
            tenant=DEFAULT_TENANT,
            id=labelset_id,
            name="halves",
            created_at=now(),
            digest=labelset_digest(labels, entries),
            labels=labels,
            entries=entries,
            class_pixels=tuple(num_images * count for count in counts[: labels.num_classes]),
            ignored_pixels=num_images * counts[LABELS.ignore_index],
        )
        records.write(
            self.machine.store, keys.manifest(DEFAULT_TENANT, "labelsets", labelset_id), manifest
        )
        return PinnedLabelset(id=labelset_id, digest=manifest.digest)

    def request_fit(
        self,
        options: ResolvedFitOptions = QUICK,
        *,
        labelset: PinnedLabelset | None = None,
        validation: PinnedLabelset | None = None,
        labels: LabelSchema = LABELS,
    ) -> FitRequest:
        """Store the request of a fit on four labelled images, for the tasks of `labels`."""
        generator = records.read_generator(self.machine.store, DEFAULT_TENANT, GENERATOR)
        assert generator is not None
        request = FitRequest(
            tenant=DEFAULT_TENANT,
            id=new_id("fit"),
            created_at=now(),
            name="",
            seed=1,
            generator=PinnedGenerator(
                id=GENERATOR, digest=generator.digest, height_px=PX, width_px=PX
            ),
            inverter_digest=None,
            labelset=labelset or self.add_labelset(labels=labels),
            validation_labelset=validation,
            labels=labels,
            options=options,
        )
        records.write(self.machine.store, keys.job_request(request.ref), request)
        return request

    def request_batch(
        self, fit: FitRequest, *, n: int = 8, shard_size: int = 4, drop_share: float | None = None
    ) -> BatchRequest:
        """Store the request of a batch of a succeeded fit."""
        manifest = self.fit_manifest(fit.ref)
        assert manifest.digest is not None
        request = BatchRequest(
            tenant=DEFAULT_TENANT,
            id=new_id("batch"),
            created_at=now(),
            fit=PinnedFit(id=fit.id, digest=manifest.digest),
            n=n,
            seed=5,
            truncation=0.7,
            filter=None if drop_share is None else Filter(drop_share=drop_share),
            image_format="png",
            shard_size=shard_size,
            render_version=RENDER_VERSION,
            labels=fit.labels,
        )
        records.write(self.machine.store, keys.job_request(request.ref), request)
        return request

    def fit(self, labels: LabelSchema = LABELS) -> FitRequest:
        """Return the request of a succeeded fit."""

        def run() -> FitRequest:
            request = self.request_fit(labels=labels)
            fits.run(self.machine, str(request.ref), 1)
            return request

        return known_fit(self.machine.store, labels, run)

    def network(self, fit: FitRequest) -> Generator:
        """Return the generator of a fit as a StyleGAN2, to look inside."""
        generator = open_generator(self.machine, fit.tenant, fit.generator)
        assert isinstance(generator, Generator)
        return generator

    def shard_files(self, batch: BatchRequest) -> dict[str, bytes]:
        """Return the files of all shards of a finished batch by name. Each tar is checked against its digest."""
        files: dict[str, bytes] = {}
        for shard in self.batch_manifest(batch.ref).shards:
            with tarfile.open(
                fileobj=io.BytesIO(read_artefact(self.machine.store, shard.tar))
            ) as tar:
                for member in tar:
                    file = tar.extractfile(member)
                    assert file is not None
                    files[member.name] = file.read()
        return files

    def cancel(self, ref: JobRef) -> None:
        """Write the app's record of a cancellation."""
        cancellation = Cancellation(requested_at=now())
        records.write(self.machine.store, keys.job_cancel(ref), cancellation)

    def fit_manifest(self, ref: JobRef) -> FitManifest:
        """Return the manifest of a finished fit."""
        manifest = records.read_manifest(self.machine.store, ref, FitManifest)
        assert manifest is not None
        return manifest

    def batch_manifest(self, ref: JobRef) -> BatchManifest:
        """Return the manifest of a finished batch."""
        manifest = records.read_manifest(self.machine.store, ref, BatchManifest)
        assert manifest is not None
        return manifest

    def _put(
        self, labelset_id: str, data: bytes, suffix: Literal["png", "json"] = "png"
    ) -> Artefact:
        digest = sha256_of(data)
        key = keys.labelset_file(DEFAULT_TENANT, labelset_id, digest, suffix)
        self.machine.store.put(key, data)
        return Artefact(key=key, sha256=digest, num_bytes=len(data), media_type="image/png")
