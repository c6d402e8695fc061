"""A toy family of generators: horizontal gradients between two colors. A code is the two colors, [n, 6] in [-1, 1]."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from contracts.base import Model
from contracts.generators.families import GeneratorFamily
from contracts.generators.generator import StoredGenerator
from contracts.generators.import_options import ImportOptions
from models.arrays import Classes, Codes, Images
from models.generators.generator import Layout, Synthesis
from models.generators.training import BuiltNetwork
from models.inversion.inverter import Inversion
from models.inversion.psnr import psnr_db
from models.sampling import Draws
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused, NetworkWeights
from workers.families.family import Description, StartedTraining
from workers.runtime.loading import NetworkLoader


class GradientFacts(Model):
    """The number of colors in a gradient."""

    num_colors: int


GRADIENTS = GeneratorFamily("gradients", GradientFacts, has_inverters=False)


class Gradients(nn.Module):
    """Two taps: the colors at half the size, and the image with the horizontal position (-1 to 1) at full size."""

    spread: Tensor
    precision = torch.float32

    def __init__(self, px: int) -> None:
        super().__init__()
        self.register_buffer("spread", torch.ones(6))
        self.layout = Layout(
            image_px=(px, px),
            num_classes=0,
            tap_channels=(3, 4),
            tap_px=((px // 2, px // 2), (px, px)),
            synthesis_bytes=40 * px * px,
        )

    @property
    def device(self) -> torch.device:
        return self.spread.device

    def sample(
        self, draws: Draws, truncation: float = 1.0, condition: Classes | None = None
    ) -> Codes:
        return (truncation * draws.normals(6).to(self.device) * self.spread).clamp(-1, 1)

    def synthesize(self, codes: Codes) -> Synthesis:
        px = self.layout.image_px[1]
        x = torch.linspace(0, 1, px, device=self.device).expand(len(codes), 1, px, px)
        images = codes[:, :3, None, None] * (1 - x) + codes[:, 3:, None, None] * x
        return Synthesis(
            images, [nn.functional.avg_pool2d(images, 2), torch.cat([images, 2 * x - 1], 1)]
        )


class LeastSquares:
    """The colors whose gradient is nearest, in closed form."""

    is_exact = False  # an image may have more colors than a gradient

    def __init__(self, generator: Gradients) -> None:
        self.generator = generator
        self.image_bytes = generator.layout.synthesis_bytes

    def invert(
        self,
        images: Images,
        *,
        fails_below_db: float = -math.inf,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Inversion:
        x = torch.linspace(0, 1, images.shape[3])
        columns = torch.linalg.pinv(torch.stack([1 - x, x], dim=1)) @ images.mean(2)[..., None]
        codes = columns[..., 0].transpose(1, 2).flatten(1)
        made = self.generator.synthesize(codes).images
        return Inversion(codes, made, psnr_db(made, images), torch.zeros(len(images)).long())


class GradientFamily:
    """Implements `workers/families/family.py`; a checkpoint is `{"gradients": PX}`."""

    contract = GRADIENTS

    def read_checkpoint(self, path: Path, options: ImportOptions) -> Checkpoint:
        if not path.read_bytes().startswith(b'{"gradients"'):
            raise CheckpointRefused("it has no gradients")
        config = {"px": json.loads(path.read_bytes())["gradients"]}
        return Checkpoint(
            format="gradients",
            generator=NetworkWeights(config, {"spread": torch.full((6,), 0.5)}),
        )

    def build(self, checkpoint: Checkpoint) -> Iterator[BuiltNetwork]:
        config, tensors = checkpoint.generator.config, checkpoint.generator.tensors
        yield BuiltNetwork("generator", self.build_generator(config, tensors), config)

    def describe(self, config: Mapping[str, Any]) -> Description:
        return Description("gradients", Gradients(**config).layout, GradientFacts(num_colors=2))

    def build_generator(
        self,
        config: dict[str, Any],
        tensors: dict[str, Tensor],
        precision: torch.dtype = torch.float32,
    ) -> Gradients:
        generator = Gradients(**config)
        generator.load_state_dict(tensors)
        return generator.eval()

    def open_distance(self, *_: object) -> None:
        """It comes without one."""

    def open_inverter(
        self, loader: NetworkLoader, generator: StoredGenerator, *_: object, **__: object
    ) -> LeastSquares:
        return LeastSquares(loader.load(generator.weights, self.build_generator))

    def train_inverter(self, *_: object, **__: object) -> BuiltNetwork:
        raise NotImplementedError

    def size_factor(self, longer_px: int) -> int:
        raise NotImplementedError

    def start_training(self, *_: object) -> StartedTraining:
        raise NotImplementedError
