"""The inverter of StyleGAN2: encoder and optimization behind the protocol of `models/inversion/inverter.py`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from models.arrays import Classes, Images
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.generators.stylegan2.inversion.refinement import InversionOptions
from models.inversion.inverter import Inversion
from models.states import AT_START, Resumption

# The peak memory of a step per image, in units of its taps' bytes: activations and gradients of the backward pass.
# Measured: 7.6 at 64 px; at 256 px 7.9 for the first image and 4.9 for each further one; 11.4 at 64 px with the
# discriminator's distance (LOG.md, "A fit in little memory").
TAPS_HELD, TAPS_HELD_WITH_DISTANCE = 8, 12


@final
@dataclass(frozen=True)
class StyleGan2Inverter:
    """Inverts images of one generator with the numbers of one fit."""

    tools: Tools
    options: InversionOptions
    condition: Classes | None = None
    resumption: Resumption = AT_START

    @property
    def is_exact(self) -> bool:
        return False

    @property
    def image_bytes(self) -> int:
        held = TAPS_HELD if self.tools.perceptual is None else TAPS_HELD_WITH_DISTANCE
        return held * self.tools.generator.layout.tap_bytes

    def with_condition(self, condition: Classes) -> "StyleGan2Inverter":
        return replace(self, condition=condition)

    def resuming(self, resumption: Resumption) -> "StyleGan2Inverter":
        return replace(self, resumption=resumption)

    def invert(
        self,
        images: Images,
        *,
        fails_below_db: float = -math.inf,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Inversion:
        # The caller has cut the micro-batch; samples for restarts are rendered in batches of the same size.
        options = replace(self.options, micro_batch=len(images))
        return invert(
            self.tools,
            images,
            options,
            condition=self.condition,
            fails_below_db=fails_below_db,
            on_step=on_step,
            resumption=self.resumption,
        )
