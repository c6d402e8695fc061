"""The limits of reading one file: a number of steps and a number of bytes, shared by every pickle inside the file."""

from dataclasses import dataclass

from workers.checkpoints.checkpoint import CheckpointRefused

MAX_STEPS = 400_000
"""Operations and items. Measured: 37,000 for a 64 px StyleGAN2 with its discriminator, 4,000 more for each doubling."""

COPIES = 4
"""How many times the bytes of a file may be copied while it is read. Protocol 2 writes bytes as text and needs 2."""

SMALL_FILE_BYTES = 2**20


@dataclass
class Budget:
    """The steps and bytes that are left. Raise `CheckpointRefused` when a file needs more."""

    steps: int = MAX_STEPS
    num_bytes: int = SMALL_FILE_BYTES

    @classmethod
    def for_file(cls, file_bytes: int) -> "Budget":
        """Return the budget of a file of this size."""
        return cls(num_bytes=COPIES * file_bytes + SMALL_FILE_BYTES)

    def spend_steps(self, count: int = 1) -> None:
        """Count operations, or the items that an operation reads."""
        self.steps -= count
        if self.steps < 0:
            raise CheckpointRefused(
                f"expected at most {MAX_STEPS} pickle operations (a StyleGAN2 takes about 50000), got more"
            )

    def spend_bytes(self, num_bytes: int) -> None:
        """Count bytes that are copied out of the file."""
        self.num_bytes -= num_bytes
        if self.num_bytes < 0:
            raise CheckpointRefused(f"its pickle copies its bytes more than {COPIES} times")

    def spend_argument(self, argument: object) -> None:
        """Count what a call can do with an argument: read its items, or copy its bytes."""
        if isinstance(argument, str | bytes):
            self.spend_bytes(len(argument))
        elif isinstance(argument, list | tuple | dict | set):
            self.spend_steps(len(argument))
