"""`handsoff-service`: the processes of the service by name. `handsoff-service app` runs `python -m app`.

It imports a command's modules only after the command is chosen: the app needs no torch, and a worker no web server.
"""

import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass

USAGE = """\
usage: handsoff-service {names} [ARGUMENT ...]

{commands}

handsoff-service COMMAND --help explains a command."""


@dataclass(frozen=True)
class Command:
    """A module that runs as `__main__`, and the arguments that come before the user's."""

    module: str
    description: str
    arguments: tuple[str, ...] = ()


COMMANDS = {
    "app": Command("app", "serve the API (extra `app`)"),
    "worker": Command(
        "workers",
        "run the jobs of one queue: fit, generate, cpu, train or evaluate (extra `worker`)",
    ),
    "reconcile": Command("workers", "queue lost jobs again (extra `worker`)", ("reconcile",)),
    "checkpoints": Command(
        "workers.checkpoints", "inspect or convert a checkpoint (extra `worker`)"
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command. The module reads its own arguments and may exit the process."""
    name, *arguments = list(sys.argv[1:] if words is None else words) or [""]
    if name in {"-h", "--help"}:
        sys.stdout.write(f"{usage()}\n")
        return 0
    if name not in COMMANDS:
        sys.stderr.write(
            f"{usage()}\n\nexpected a command of {', '.join(COMMANDS)}, got {name!r}\n"
        )
        return 2
    command = COMMANDS[name]
    sys.argv = [f"handsoff-service {name}", *command.arguments, *arguments]
    runpy.run_module(command.module, run_name="__main__", alter_sys=True)
    return 0


def usage() -> str:
    """Return the usage with a line for every command."""
    lines = [f"  {name:<12} {command.description}" for name, command in COMMANDS.items()]
    return USAGE.format(names="{" + ",".join(COMMANDS) + "}", commands="\n".join(lines))
