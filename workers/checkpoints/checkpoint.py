"""The result of reading a checkpoint: networks as configuration and tensors, or a refusal that the user can act on."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

SUPPORTED = (
    "Supported are StyleGAN2 (.pkl of stylegan2-ada-pytorch, stylegan3 --cfg=stylegan2, StyleGAN-Human;"
    " .pt of rosinality; HandsOff's safetensors), diffusers (.zip) and guided-diffusion (.pt)."
)

MAX_MESSAGE = 300
"""Characters of a refusal. A log line, a terminal and a dialog show this many in full."""

DOWNLOAD_AGAIN = "Download or save the file again."


class CheckpointRefused(ValueError):
    """The file is not a checkpoint that HandsOff can read. Nothing in it was run.

    `reason` continues the sentence "This checkpoint was refused: ". `remedy` says what to do; by default the message
    lists the supported formats.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy

    def message(self) -> str:
        """Return the whole message: one printable line of at most `MAX_MESSAGE` characters."""
        reason = "".join(c if c.isprintable() else "?" for c in str(self))
        remedy = self.remedy or SUPPORTED
        room = MAX_MESSAGE - len("This checkpoint was refused: . ") - len(remedy)
        if len(reason) > room and not self.remedy:  # the reason helps more than the list of formats
            return f"This checkpoint was refused: {shortened(reason, MAX_MESSAGE - 31)}."
        return f"This checkpoint was refused: {shortened(reason, room)}. {remedy}"


class Recognized(CheckpointRefused):
    """The file is in a format of this family, but cannot be read. Other families are not tried."""


class BadValues(Recognized):
    """A tensor has numbers that cannot be weights. The whole file is refused, also for its discriminator."""


def shortened(text: str, length: int) -> str:
    """Return the text, or its beginning and an ellipsis: at most `length` characters."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


@dataclass(frozen=True)
class NetworkWeights:
    """One network: the JSON and the tensors from which its family builds it."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint in HandsOff's format: float32 on the CPU, every tensor in the shape that the configuration requires.

    `missing` names the parts that the file lacks ("discriminator", "mean w", "noise maps"). `warnings` are sentences
    for the user about the substitutes. `takes_options` says whether its format needs import options.
    """

    format: str
    generator: NetworkWeights
    discriminator: NetworkWeights | None = None
    inverter: NetworkWeights | None = None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    takes_options: bool = False
