"""`python -m examples.demo` runs the demo. `serve` keeps the service running, `record` draws the command line."""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import TypeAlias

from examples.demo.demo import run_demo
from examples.demo.recording import record
from examples.demo.redis_servers import NoServer
from examples.demo.serve import serve

INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one task. It stops everything that it started, also after an interrupt or a failure."""
    options = parser().parse_args(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM acts like Ctrl+C
    try:
        if options.task == "serve":
            serve(options.port)
        elif options.task == "record":
            record()
        else:
            run_demo()
    except KeyboardInterrupt:
        return 0 if options.task == "serve" else INTERRUPTED
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line. Without a task, the demo runs."""
    commands = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    tasks = commands.add_subparsers(dest="task", metavar="TASK")
    _add(tasks, "demo", "16 labelled images in, 64 labelled images out, then stop (minutes)")
    serving = _add(tasks, "serve", "start Redis, the app and the workers, until Ctrl+C")
    serving.add_argument(
        "--port",
        type=_port,
        help="port of the API (default: 8000, or a free port if 8000 is in use)",
    )
    _add(tasks, "record", "draw the client's command line as docs/handsoff-cli.svg (minutes)")
    return commands


Tasks: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name


def _add(tasks: Tasks, name: str, text: str) -> argparse.ArgumentParser:
    return tasks.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < port < 65_536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text!r}")
    return port


if __name__ == "__main__":
    sys.exit(main())
