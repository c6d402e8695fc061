"""What reading one file may take: one count of steps and one of bytes, shared by every pickle inside the file."""

from collections.abc import Sized
from dataclasses import dataclass

from workers.checkpoints.checkpoint import CheckpointRefused

MAX_STEPS = 400_000
"""Operations and items. Measured: 37,000 for a 64 px StyleGAN2 with its discriminator, 4,000 more for each doubling."""

COPIES = 4
"""Times that the bytes of a file may be copied while it is read. Protocol 2, which writes bytes as text, needs 2."""

SMALL_FILE_BYTES = 2**20


@dataclass
class Budget:
    """Counts down; raises `CheckpointRefused` when the file asks for more than it may take."""

    steps: int = MAX_STEPS
    num_bytes: int = SMALL_FILE_BYTES

    @classmethod
    def for_file(cls, file_bytes: int) -> "Budget":
        """The budget of a file of this size."""
        return cls(num_bytes=COPIES * file_bytes + SMALL_FILE_BYTES)

    def step(self, count: int = 1) -> None:
        """Count operations, or items that an operation goes through."""
        self.steps -= count
        if self.steps < 0:
            raise CheckpointRefused(
                f"reading it takes more than {MAX_STEPS} pickle operations; a StyleGAN2 takes about 50000"
            )

    def copy(self, num_bytes: int) -> None:
        """Count bytes that are copied out of the file."""
        self.num_bytes -= num_bytes
        if self.num_bytes < 0:
            raise CheckpointRefused(f"its pickle copies its bytes more than {COPIES} times")

    def hand_over(self, argument: object) -> None:
        """Count what a call may do with an argument: go through its items, or copy its bytes."""
        if isinstance(argument, str | bytes):
            self.copy(len(argument))
        elif isinstance(argument, list | tuple | dict | set):
            self.step(len(_sized(argument)))


def _sized(value: Sized) -> Sized:
    return value
