"""What reading a checkpoint gives: our networks as configuration and tensors, or a refusal that the user can act on."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

SUPPORTED = (
    "Supported are StyleGAN2 generators: .pkl of stylegan2-ada-pytorch, stylegan3 (--cfg=stylegan2) or StyleGAN-Human,"
    " .pt of rosinality, our safetensors."
)

MAX_MESSAGE = 300
"""Characters of a refusal: what a log line, a terminal and a dialog still show whole."""


class CheckpointRefused(ValueError):
    """The file is not a checkpoint that can be read. Nothing in it was run.

    The text says what was found; it continues "This checkpoint was refused: ". `mend` says what to do.
    """

    def __init__(self, found: str, mend: str = "") -> None:
        super().__init__(found)
        self.mend = mend

    def message(self) -> str:
        """The whole message: one line, at most `MAX_MESSAGE` characters, whatever the file has in its names."""
        found = "".join(c if c.isprintable() else "?" for c in str(self))
        mend = self.mend or SUPPORTED
        room = MAX_MESSAGE - len("This checkpoint was refused: . ") - len(mend)
        if len(found) > room and not self.mend:  # the reason is worth more than the list of formats
            return f"This checkpoint was refused: {clipped(found, MAX_MESSAGE - 31)}."
        return f"This checkpoint was refused: {clipped(found, room)}. {mend}"


class BadValues(CheckpointRefused):
    """A tensor holds numbers that are no weights: the file is refused whole, also for its discriminator."""


def clipped(text: str, length: int) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


@dataclass(frozen=True)
class NetworkWeights:
    """One network: what `build_generator` or `build_discriminator` of `models.stylegan2` takes."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint in our form: float32 on the CPU, every tensor of the shape that its configuration asks for.

    `missing` names what the file lacks ("discriminator", "mean w", "noise maps"); `warnings` are sentences for the user
    on what was put in its place.
    """

    format: str
    generator: NetworkWeights
    discriminator: NetworkWeights | None = None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
