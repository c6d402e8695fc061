"""The import options of a guided-diffusion state dict, complete and checked against its structure."""

from dataclasses import dataclass
from typing import Any, Literal

from contracts.generators.import_options import PUBLISHED_TIMESTEPS, ImportOptions
from workers.checkpoints.checkpoint import Recognized
from workers.checkpoints.diffusion.guided_structure import Structure

DEFAULT_HEAD_CHANNELS = 64
"""Of the published networks, except 128x128_diffusion.pt and improved-diffusion, which have 4 heads."""

REQUIRED = {
    "attention_order": "attention_order (head_major or qkv_major)",
    "noise_schedule": "noise_schedule (linear or cosine)",
    "px": "px (the side of its images)",
}

SEE = "docs/10-checkpoints.md says how to find them."

HEADS_ASSUMED = (
    f"head_channels was not given: attention heads of {DEFAULT_HEAD_CHANNELS} channels were assumed. A network that was"
    " trained with num_heads needs that option."
)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """The options with defaults in place. Exactly one of `head_channels` and `num_heads` is set."""

    attention_order: Literal["head_major", "qkv_major"]
    head_channels: int | None
    num_heads: int | None
    px: int
    noise_schedule: Literal["linear", "cosine"]
    num_timesteps: int
    rescale_timesteps: bool
    warnings: tuple[str, ...]

    def heads_of(self, channels: int) -> int:
        """Return the number of heads of an attention layer."""
        if self.num_heads is not None:
            return self.num_heads
        assert self.head_channels is not None
        return channels // self.head_channels

    def schedule(self) -> dict[str, Any]:
        """Return the noise schedule in the words of diffusers.

        linear: betas from 0.0001 to 0.02 for 1,000 steps, scaled for other numbers of steps. cosine: Nichol and
        Dhariwal (arXiv 2102.09672, equation 17).
        """
        scale = PUBLISHED_TIMESTEPS / self.num_timesteps
        is_linear = self.noise_schedule == "linear"
        return {
            "num_train_timesteps": self.num_timesteps,
            "beta_schedule": "linear" if is_linear else "squaredcos_cap_v2",
            "beta_start": scale * 0.0001,
            "beta_end": scale * 0.02,
        }


def stated_options(options: ImportOptions) -> Stated:
    """Return the options with defaults in place. Raises `Recognized` if a required one is missing."""
    missing = [text for name, text in REQUIRED.items() if getattr(options, name) is None]
    if missing:
        raise Recognized(
            f"it is a state dict of guided-diffusion, which does not state {', '.join(missing)}",
            f"Give import options; {SEE}",
        )
    steps = options.num_timesteps or PUBLISHED_TIMESTEPS
    if steps != PUBLISHED_TIMESTEPS and options.rescale_timesteps is None:
        raise Recognized(
            f"with num_timesteps {steps} it does not state rescale_timesteps (true in improved-diffusion, false in"
            " guided-diffusion by default)",
            f"Give import options; {SEE}",
        )
    assert options.attention_order is not None
    assert options.noise_schedule is not None
    assert options.px is not None
    assumes_heads = options.head_channels is None and options.num_heads is None
    return Stated(
        attention_order=options.attention_order,
        head_channels=DEFAULT_HEAD_CHANNELS if assumes_heads else options.head_channels,
        num_heads=options.num_heads,
        px=options.px,
        noise_schedule=options.noise_schedule,
        num_timesteps=steps,
        rescale_timesteps=bool(options.rescale_timesteps),
        warnings=(HEADS_ASSUMED,) if assumes_heads else (),
    )


def check_stated(stated: Stated, structure: Structure) -> None:
    """Refuse options that do not fit the network: its heads, or its size. Raises `Recognized`."""
    multiple = 2 ** (structure.num_levels - 1)
    if stated.px % multiple:
        raise Recognized(
            f"expected a px that {multiple} divides, because it has {structure.num_levels} levels, got {stated.px}"
        )
    divisor = stated.num_heads or stated.head_channels or 1
    name = "num_heads" if stated.num_heads else "head_channels"
    levels = zip(structure.channels, structure.attention, strict=True)
    with_attention = {channels for channels, has in levels if has} | {structure.channels[-1]}
    for channels in sorted(with_attention):
        if channels % divisor:
            raise Recognized(
                f"expected {name} to divide the {channels} channels of its attention layers, got {divisor}",
                f"Give another import option {name}; {SEE}",
            )
