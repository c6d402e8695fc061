"""The result of reading a checkpoint: networks as configuration and tensors, or a refusal that the user can act on."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

SUPPORTED = (
    "Supported are StyleGAN2 generators: .pkl of stylegan2-ada-pytorch, stylegan3 (--cfg=stylegan2) or StyleGAN-Human,"
    " .pt of rosinality, our safetensors."
)

MAX_MESSAGE = 300
"""Characters of a refusal: log lines, terminals and dialogs show that many without cutting."""


class CheckpointRefused(ValueError):
    """The file is not a readable checkpoint. Nothing in it was run.

    The text says what was found; it continues "This checkpoint was refused: ". `mend` says what to do.
    """

    def __init__(self, found: str, mend: str = "") -> None:
        super().__init__(found)
        self.mend = mend

    def message(self) -> str:
        """Return the whole message: one line of at most `MAX_MESSAGE` characters, for any names in the file."""
        found = "".join(c if c.isprintable() else "?" for c in str(self))
        mend = self.mend or SUPPORTED
        room = MAX_MESSAGE - len("This checkpoint was refused: . ") - len(mend)
        if len(found) > room and not self.mend:  # the reason is worth more than the list of formats
            return f"This checkpoint was refused: {clipped(found, MAX_MESSAGE - 31)}."
        return f"This checkpoint was refused: {clipped(found, room)}. {mend}"


class BadValues(CheckpointRefused):
    """A tensor holds numbers that cannot be weights: the whole file is refused, also for its discriminator."""


def clipped(text: str, length: int) -> str:
    """Return the text, or its beginning with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


@dataclass(frozen=True)
class NetworkWeights:
    """One network: the JSON and the tensors from which its family builds it."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint in our form: float32 on the CPU, every tensor with the shape that its configuration requires.

    `missing` names the parts that the file lacks ("discriminator", "mean w", "noise maps"); `warnings` are sentences
    for the user about their replacements.
    """

    format: str
    generator: NetworkWeights
    discriminator: NetworkWeights | None = None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
