"""`make serve`: run the service on this machine until Ctrl+C, with its data in var/. Prints the README's curl lines."""

import time
from typing import NoReturn

from rich.console import Console

from examples.demo.progress import working
from examples.demo.stack import ALL_WORKERS, REPOSITORY, Stack, free_port, is_free

FOLDER = REPOSITORY / "var"
PORT = 8000
CHECK_SECONDS = 2.0
README_ADDRESS = f"http://127.0.0.1:{PORT}"
BLOCK_BEGINS = "<!-- make serve prints this block, and a test runs it -->\n```sh\n"


def serve(port: int | None = None) -> None:
    """Start the stack, print how to use it, and restart processes that end.

    Without `port`, use 8000, or a free port if 8000 is in use. A given port must be free.
    """
    console = Console(highlight=False, soft_wrap=True)
    if port is not None and not is_free(port):
        raise SystemExit(
            f"expected a free port, got {port}, which is in use; stop its process or choose another port"
        )
    with Stack(FOLDER, port=port or (PORT if is_free(PORT) else free_port())) as stack:
        with working(console, "starting Redis, the app and six workers"):
            stack.start(ALL_WORKERS)
        console.print(f"The service runs at {stack.address}. API: {stack.address}/docs")
        console.print("Data and logs are in var/. Run in another terminal, in this folder:\n")
        console.print(curl_lines(stack.address), markup=False)
        console.print("Ctrl+C stops everything. `rm -r var` deletes the data.")
        supervise(stack, console)


def supervise(stack: Stack, console: Console) -> NoReturn:
    """Restart processes that end, until an interrupt."""
    while True:
        time.sleep(CHECK_SECONDS)
        for name in stack.restart_ended():
            console.print(f"{name} ended and was restarted; see var/{name}.log")


def curl_lines(address: str) -> str:
    """Return the README's block of shell lines with the address of this service."""
    readme = (REPOSITORY / "README.md").read_text()
    block = readme.partition(BLOCK_BEGINS)[2].partition("```")[0]
    return block.replace(README_ADDRESS, address)
