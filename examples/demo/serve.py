"""`make serve`: the whole service on this machine until Ctrl+C, its data in var/, with a curl line for each step."""

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from examples.demo.stack import REPOSITORY, Stack, free_port, is_free

FOLDER = REPOSITORY / "var"
PORT = 8000
LOOK_SECONDS = 2.0

GUIDE = """\
The service runs at {address} (every endpoint, to try out: {address}/docs). Data and logs: {folder}

Each step as a line for another terminal, in this folder:

  API={address}/v1; id() {{ .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["id"])'; }}

  # 1. A folder of 16 labelled portraits, zipped and uploaded
  .venv/bin/python -m examples.portraits labelset var/labels --count 16
  (cd var/labels && ../../.venv/bin/python -m zipfile -c ../labels.zip images masks labelset.json)
  LABELSET=$(curl -sS -F archive=@var/labels.zip $API/labelsets | id)

  # 2. A fit: waits up to a minute for its end; ask again while its status is "running"
  FIT=$(curl -sS --json '{{"generator": "portraits-64", "labelset": "'$LABELSET'"}}' $API/fits | id)
  curl -sS -H 'Prefer: wait=60' $API/fits/$FIT

  # 3. A batch of 64 new labelled images
  BATCH=$(curl -sS --json '{{"fit": "'$FIT'", "n": 64}}' $API/batches | id)
  curl -sS -H 'Prefer: wait=60' $API/batches/$BATCH

  # 4. Its first shard, a tar of images, masks and uncertainties
  curl -sS -o var/shard.tar "$(curl -sS $API/batches/$BATCH/shards | get items 0 url)" && tar -tf var/shard.tar

Ctrl+C stops everything; `rm -r var` forgets it.
"""


def serve() -> None:
    """Start the stack, print how to use it, and stay; a process that dies is started again."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl+C
    console = Console(highlight=False)
    with Stack(FOLDER, port=PORT if is_free(PORT) else free_port()) as stack:
        with console.status("starting Redis, the app and three workers"):
            stack.start()
        console.print(GUIDE.format(address=stack.address, folder=shown(FOLDER)), markup=False)
        with suppress(KeyboardInterrupt):
            _look_after(stack, console)
        console.print("stopping")


def _look_after(stack: Stack, console: Console) -> NoReturn:
    while True:
        time.sleep(LOOK_SECONDS)
        for name in stack.revive():
            console.print(f"{name} had ended and was started again; see {name}.log")


def shown(path: Path) -> str:
    """A path as a person reads it: relative to the repository."""
    return f"{path.relative_to(REPOSITORY)}/"
