"""The root of the client's errors, and the error for an invalid file of the user."""


class HandsOffError(Exception):
    """The root of all errors that the client raises on purpose."""


class InvalidInput(HandsOffError):
    """A file or folder is invalid. The message names it and the expected content."""
