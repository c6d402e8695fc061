"""`python -m examples.demo record`: the client's command line as it looks, drawn as docs/handsoff-cli.svg.

A service is started, the commands run in a terminal of their own, and the last state of each line is kept.
"""

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from examples.demo.demo import GENERATOR, render_labelset
from examples.demo.stack import REPOSITORY, Stack

PICTURE = REPOSITORY / "docs" / "handsoff-cli.svg"
COLUMNS = 112
REDRAWN = "\r\x1b[K"
"""What begins a line anew: only what follows the last one is left on a screen."""

CLOCK = re.compile(r"  ([0-9]+:)?[0-9]+:[0-9]{2}$")
"""How long it took says more of the machine that draws than of the service."""

COMMANDS = (
    f"FIT=$(handsoff fit ./pairs --generator {GENERATOR} --wait)",
    "handsoff batch $FIT -n 256 --seed 1 --drop-share 0.1 --out ./data",
    "handsoff show ./data",
    "handsoff export ./data --format coco --out coco.zip",
)


def record() -> None:
    """Runs the commands on a service of this machine and draws what they printed."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    with tempfile.TemporaryDirectory(prefix="handsoff-record-") as name, Stack(Path(name)) as stack:
        stack.start()
        folder = Path(name) / "here"
        folder.mkdir()
        (folder / "pairs").symlink_to(render_labelset(Path(name) / "labelled", 16))
        for command, lines in run(COMMANDS, folder, stack.address):
            console.print(Text(f"$ {command}", style="bold"))
            for line in lines:
                console.print(Text(line), no_wrap=True, overflow="ellipsis")
    PICTURE.write_text(console.export_svg(title="handsoff"), "utf-8")


def run(commands: tuple[str, ...], folder: Path, address: str) -> list[tuple[str, list[str]]]:
    """Each command with the lines it left on the screen; all in one shell, so that variables live on."""
    mark = "--next--"
    script = "\n".join(f"{command}\necho {mark}" for command in commands)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HANDSOFF_URL": address,
    }
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["/bin/sh", "-eu", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as shell:
        os.close(theirs)
        text = _read(ours)
    if shell.returncode != 0:
        raise RuntimeError(f"a command failed:\n{text}")
    parts = text.split(mark)[: len(commands)]
    return [(command, on_screen(part)) for command, part in zip(commands, parts, strict=True)]


def on_screen(text: str) -> list[str]:
    """The lines of a terminal after this text was written to it, without the time that it took."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    return [CLOCK.sub("", line.split(REDRAWN)[-1]) for line in lines]


def _read(terminal: int) -> str:
    """Everything until nobody holds the other end any more, which Linux reports as an error."""
    found = b""
    try:
        while data := os.read(terminal, 65_536):
            found += data
    except OSError:
        pass
    os.close(terminal)
    return found.decode()
