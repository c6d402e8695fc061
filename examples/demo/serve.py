"""`make serve`: the whole service on this machine, its data in var/, until Ctrl+C. Prints a curl line for each step."""


from examples.demo.stack import REPOSITORY

FOLDER = REPOSITORY / "var"
PORT = 8000
CHECK_SECONDS = 1.0

GUIDE = """
The service runs at {address}  (its API in a browser: {address}/docs). Data and logs are in var/.

A labelled set of 16 rendered portraits, zipped:
  python3 -m venv .venv # once, `make setup` has done it
"""


def serve() -> None:
    """Start the stack, print how to use it, and stay until Ctrl+C; a process that dies is started again."""
