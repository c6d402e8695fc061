"""`python -m examples.demo record`: draw a session of the client's command line as docs/handsoff-cli.svg.

It starts a service, runs the commands in a pseudo-terminal, and keeps the last state of each line.
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
"""The sequence that erases a line. A screen shows only the text after the last one."""

CLOCK = re.compile(r"  ([0-9]+:)?[0-9]+:[0-9]{2}$")
"""Elapsed times are removed, because they depend on the machine that draws."""

COMMANDS = (
    f"FIT=$(handsoff fit ./pairs --generator {GENERATOR} --wait)",
    "handsoff batch $FIT -n 256 --seed 1 --drop-share 0.1 --out ./data",
    "handsoff show ./data",
    "handsoff export ./data --format coco --out coco.zip",
)


def record() -> None:
    """Run the commands on a local service and draw their output."""
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
    """Run all commands in one shell, which keeps variables. Returns each command with its lines on the screen."""
    mark = "--next--"
    script = "\n".join(f"{command}\necho {mark}" for command in commands)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HANDSOFF_URL": address,
    }
    terminal, child_end = pty.openpty()
    with subprocess.Popen(
        ["/bin/sh", "-eu", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=child_end,
        stderr=child_end,
    ) as shell:
        os.close(child_end)
        text = _read(terminal)
    if shell.returncode != 0:
        raise RuntimeError(f"expected exit status 0, got {shell.returncode}:\n{text}")
    parts = text.split(mark)[: len(commands)]
    return [(command, on_screen(part)) for command, part in zip(commands, parts, strict=True)]


def on_screen(text: str) -> list[str]:
    """Return the lines that a terminal shows after this text, without elapsed times."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    return [CLOCK.sub("", line.split(REDRAWN)[-1]) for line in lines]


def _read(terminal: int) -> str:
    """Read until the other end is closed, which Linux reports as an `OSError`."""
    output = b""
    try:
        while data := os.read(terminal, 65_536):
            output += data
    except OSError:
        pass
    os.close(terminal)
    return output.decode()
