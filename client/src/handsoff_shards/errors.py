"""The root of the client's errors, and the one for a file that is not what it should be."""


class HandsOffError(Exception):
    """The root of everything that the client raises on purpose."""


class InvalidInput(HandsOffError):
    """A file or folder is not what was expected; the message names it and says what was."""
