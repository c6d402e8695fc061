"""`make serve`: the whole service on this machine until Ctrl+C, its data in var/. Prints the README's curl lines."""

import time
from typing import NoReturn

from rich.console import Console

from examples.demo.progress import working
from examples.demo.stack import REPOSITORY, Stack, free_port, is_free

FOLDER = REPOSITORY / "var"
PORT = 8000
LOOK_SECONDS = 2.0
README_ADDRESS = f"http://127.0.0.1:{PORT}"
BLOCK_BEGINS = "<!-- make serve prints this block, and a test runs it -->\n```sh\n"


def serve(port: int | None = None) -> None:
    """Start the stack, print how to use it, and stay; a process that dies is started again.

    Without a port, 8000 is taken, or a free one where 8000 is in use. A port that was asked for must be free.
    """
    console = Console(highlight=False, soft_wrap=True)
    if port is not None and not is_free(port):
        raise SystemExit(f"Port {port} is in use. Stop what listens there, or name another port.")
    with Stack(FOLDER, port=port or (PORT if is_free(PORT) else free_port())) as stack:
        with working(console, "starting Redis, the app and four workers"):
            stack.start()
        console.print(f"The service runs at {stack.address}; its API: {stack.address}/docs")
        console.print("Data and logs are in var/. In another terminal, in this folder:\n")
        console.print(curl_lines(stack.address), markup=False)
        console.print("Ctrl+C stops everything; `rm -r var` forgets it.")
        look_after(stack, console)


def look_after(stack: Stack, console: Console) -> NoReturn:
    """Start again what ends by itself, until the process is interrupted."""
    while True:
        time.sleep(LOOK_SECONDS)
        for name in stack.revive():
            console.print(f"{name} had ended and was started again; see var/{name}.log")


def curl_lines(address: str) -> str:
    """The README's block of shell lines, with this service's address."""
    readme = (REPOSITORY / "README.md").read_text()
    block = readme.partition(BLOCK_BEGINS)[2].partition("```")[0]
    return block.replace(README_ADDRESS, address)
