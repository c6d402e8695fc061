"""Labelled images with their codes: portraits with exact labels, and photographs of faces from a folder."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.defaults import inversion_options
from benchmarks.inversion.codes import CodeStore, Networks
from benchmarks.inversion.faces import read_faces
from contracts.schemas import LabelSchema
from examples.portraits.classes import IMAGE_PX
from examples.portraits.labelset import MASKS_SCHEMA, OTHER_SCHEMAS, stratified_indices
from examples.portraits.many import render_many
from examples.portraits.splits import seed_of
from models.generators.diffusion.generator import build_generator
from models.generators.generator import Generator
from models.labels.label_generator import to_bytes
from workers.codecs.registry import TASKS
from workers.codecs.task import codecs_of
from workers.fitting.pairs import Pairs
from workers.runtime.weights import read_network

POOL = 50
"""Size of the sets from which labelled sets are drawn."""
SCHEMA = LabelSchema.model_validate(MASKS_SCHEMA | OTHER_SCHEMAS)


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels, and the code of each."""

    codes: Tensor
    pairs: Pairs

    def subset(self, count: int, seed: int) -> "LabelledImages":
        """Return `count` of them drawn at random, because a user's images are not stratified."""
        chosen = np.random.default_rng(seed).permutation(len(self.pairs))[:count].tolist()
        pairs = replace(
            self.pairs,
            names=tuple(self.pairs.names[place] for place in chosen),
            images=tuple(self.pairs.images[place] for place in chosen),
            labels=tuple(self.pairs.labels[place] for place in chosen),
        )
        return LabelledImages(self.codes[chosen], pairs)


class Domain(Protocol):
    """A kind of images, with a generator that reads them."""

    @property
    def name(self) -> str: ...

    @property
    def generator(self) -> Generator: ...

    def labelled(self, draw: int) -> LabelledImages:
        """Return the images from which labelled sets are drawn."""

    def heldout(self, count: int) -> LabelledImages:
        """Return at most `count` images on which fits are scored."""


class Portraits:
    """Rendered portraits. Their codes are inverted, and cached, if the generator has an inverter."""

    name = "portraits"

    def __init__(self, generator: Path, folder: Path) -> None:
        """Read the networks of `generator`; `folder` caches codes."""
        self._store: CodeStore | None = None
        if (generator / "inverter.json").exists():
            self._store = CodeStore(folder, Networks.read(generator), inversion_options())
            self.generator: Generator = self._store.networks.generator
        else:
            self.generator = build_generator(*read_network(generator, "generator"))

    def labelled(self, draw: int) -> LabelledImages:
        return self._read("labelled", draw, POOL)

    def heldout(self, count: int) -> LabelledImages:
        return self._read("heldout", 0, count)

    def _read(self, split: str, draw: int, count: int) -> LabelledImages:
        seed = seed_of(split, draw)
        indices = stratified_indices(seed, count)
        truth = list(render_many(seed, indices))
        pairs = Pairs(
            names=tuple(str(index) for index in indices),
            images=tuple(one.image for one in truth),
            labels=tuple(
                {"segmentation": one.mask, "keypoints": one.keypoints, "depth": one.depth}
                for one in truth
            ),
            schema=SCHEMA,
            codecs=TASKS,
            px=(IMAGE_PX, IMAGE_PX),
        )
        if self._store is None:
            return LabelledImages(pairs.image_tensor(range(count)), pairs)
        return LabelledImages(self._store.labelled(split, draw, count).ws, pairs)


class Faces:
    """Photographs of faces with masks of 8 classes; their codes are images."""

    name = "faces"

    def __init__(self, generator: Path, folder: Path) -> None:
        """Read the diffusion model of `generator`; `folder` has the photographs."""
        self.generator: Generator = build_generator(*read_network(generator, "generator"))
        self._folder = folder
        classes = json.loads((folder / "meta.json").read_text())["classes8"]
        self._schema = LabelSchema(classes=tuple(classes))

    def labelled(self, draw: int) -> LabelledImages:
        """Return the same images for every draw: there are no others."""
        return self._read("labelled", POOL)

    def heldout(self, count: int) -> LabelledImages:
        return self._read("heldout", count)

    def _read(self, split: str, count: int) -> LabelledImages:
        faces = read_faces(self._folder, split, count)
        masks = faces.masks.to(torch.uint8).numpy()
        pairs = Pairs(
            names=tuple(map(str, range(len(masks)))),
            images=tuple(to_bytes(faces.images).numpy()),
            labels=tuple({"segmentation": mask} for mask in masks),
            schema=self._schema,
            codecs=codecs_of(TASKS, self._schema),
            px=(masks.shape[1], masks.shape[2]),
        )
        return LabelledImages(faces.images, pairs)


def open_domains(options: Any) -> Iterator[Domain]:  # noqa: ANN401 - parsed arguments have no type
    """Yield the portraits, and the faces if their folder and their generator are present."""
    yield Portraits(options.generator, options.folder)
    if options.faces is None:
        return
    for path in (options.faces / "split.json", options.faces_generator / "generator.json"):
        if not path.exists():
            print(f"real faces: skipped, no {path.name} in {path.parent}", file=sys.stderr)
            return
    yield Faces(options.faces_generator, options.faces)
