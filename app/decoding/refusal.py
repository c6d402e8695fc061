"""The one way a file is refused: which file, what came, what was expected, what to do."""

from contracts.errors import Flaw


class Refused(Exception):
    """A file that cannot be taken as it is. `file` is None when the upload as a whole is meant."""

    def __init__(self, file: str | None, detail: str) -> None:
        super().__init__(detail)
        self.file = file
        self.detail = detail

    @property
    def flaw(self) -> Flaw:
        """The same as the caller will read it."""
        return Flaw(file=self.file, detail=self.detail)
