"""What the weights of a checkpoint do not state, so that its owner states it with the upload.

Only state dicts of guided-diffusion and improved-diffusion need these options. Other formats refuse them.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Model

PUBLISHED_TIMESTEPS = 1_000


class ImportOptions(Model):
    """The arguments of a diffusion training that cannot be read from the shapes of its weights.

    `attention_order` is how the rows of `qkv` are ordered: head by head (`use_new_attention_order` false), or all of q,
    then k, then v (true). `head_channels` are the channels of one attention head, `num_heads` the number of heads in
    every layer; at most one of both. `px` is the side of the square images. `rescale_timesteps`: the network was given
    steps scaled to 1,000.
    """

    attention_order: Literal["head_major", "qkv_major"] | None = None
    head_channels: Annotated[int, Field(ge=1, le=2_048)] | None = None
    num_heads: Annotated[int, Field(ge=1, le=2_048)] | None = None
    px: Annotated[int, Field(ge=8, le=1_024)] | None = None
    noise_schedule: Literal["linear", "cosine"] | None = None
    num_timesteps: Annotated[int, Field(ge=100, le=10_000)] | None = None
    rescale_timesteps: bool | None = None

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.head_channels is not None and self.num_heads is not None:
            raise ValueError("expected head_channels or num_heads, got both; leave one out")
        return self

    def stated(self) -> tuple[str, ...]:
        """Return the names of the options that have a value."""
        return tuple(name for name, value in self if value is not None)


NO_OPTIONS = ImportOptions()
