"""The recipes that are compared: the changes of each to the baseline, StyleGAN2 with adaptive augmentation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from models.adversarial.options import AdversarialOptions
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig

CHANNELS = (48, 48, 32, 16)  # 4 to 32 px
GENERATOR = GeneratorConfig(z_dim=64, w_dim=64, channels=CHANNELS, num_mapping_layers=2)
DISCRIMINATOR = DiscriminatorConfig(channels=CHANNELS)
ADAPTIVE: dict[str, Any] = {"augmentation_target": 0.6}
FIXED: dict[str, Any] = {"augmentation": 0.1}


@dataclass(frozen=True)
class Balance:
    """Rare images more often: the name of the network whose features say what is rare, and the power of `rarity`."""

    network: str
    power: float


@dataclass(frozen=True)
class Candidate:
    """A recipe: options that differ from the defaults, and what the loop does differently."""

    options: dict[str, Any] = field(default_factory=lambda: dict(ADAPTIVE))
    batch: int = 16
    half_share: float = 0.0  # of the time, at half the resolution
    decay_share: float = 0.0  # of the time, at the end, in which the learning rates fall to 0
    balance: Balance | None = None  # None: every image once an epoch

    @property
    def adversarial(self) -> AdversarialOptions:
        return AdversarialOptions(**self.options)

    @property
    def is_projected(self) -> bool:
        return self.adversarial.discriminators != "plain"

    @property
    def needs_squeezenet(self) -> bool:
        return self.is_projected or (
            self.balance is not None and self.balance.network == "squeezenet"
        )


CANDIDATES = MappingProxyType(
    {
        "baseline": Candidate(),
        "fixed augmentation": Candidate(FIXED),
        "r3gan, fixed augmentation": Candidate({**FIXED, "loss": "r3gan"}),
        "gamma 0.0128": Candidate({**ADAPTIVE, "r1_gamma": 0.0128}),
        "learning rate 0.004": Candidate({**ADAPTIVE, "learning_rate": 0.004}),
        "projected": Candidate({**ADAPTIVE, "discriminators": "projected"}),
        "both": Candidate({**ADAPTIVE, "discriminators": "both"}),
        "16 px first": Candidate(half_share=0.4),
        "learning rate decay": Candidate(decay_share=0.25),
        "batch 8": Candidate(batch=8),
        "balanced batches": Candidate(balance=Balance("random", 4.0)),
        "balanced batches, squeezenet": Candidate(balance=Balance("squeezenet", 1.0)),
    }
)

# Further averages of the same run, whose training they do not change: half-life and ramp-up.
AVERAGES: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "20 kimg, ramp 0.1": {"ema_half_life_kimg": 20.0, "ema_ramp_up": 0.1},
        "20 kimg, ramp 0.2": {"ema_half_life_kimg": 20.0, "ema_ramp_up": 0.2},
    }
)
