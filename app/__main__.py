"""`python -m app` serves the API. Its commands `doctor`, `keys` and `tenants` are for the operator.

Without API keys the API is served on loopback only.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress

from app.binding import may_bind
from app.doctor import examination
from app.keys import command as keys
from app.limits import command as tenants
from app.main import VERSION, create_app
from app.serving import server_of
from state.process.logs import configure_logs
from state.process.private_files import keep_files_private
from state.process.tracing import configure_tracing
from state.settings import Settings

DOCTOR, KEYS, TENANTS = "doctor", "keys", "tenants"
FAILED_START = 3
"""The exit code of uvicorn when it cannot start, such as for a port in use."""


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line and the environment, and serve until stopped. Return 2 for a refused host."""
    arguments = _parser().parse_args(words)
    if arguments.command == DOCTOR:
        return examination.main()
    if arguments.command == KEYS:
        return keys.main(arguments)
    if arguments.command == TENANTS:
        return tenants.main(arguments)
    settings = Settings()
    if not may_bind(settings):
        sys.stderr.write(
            f"Expected a loopback address in HANDSOFF_HOST, got {settings.host}: without API keys the app binds to"
            " loopback only. Set HANDSOFF_AUTH=keys (python -m app keys create NAME makes the first key), or"
            " HANDSOFF_HOST=127.0.0.1. If only trusted callers can reach the port (a container), set"
            " HANDSOFF_TRUST_NETWORK=true.\n"
        )
        return 2
    keep_files_private()
    configure_logs(settings)
    configure_tracing("handsoff-app")
    server = server_of(create_app(settings), settings)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after an orderly end
        server.run()
    return 0 if server.started else FAILED_START


def _parser() -> argparse.ArgumentParser:
    """Build a parser with few words: the environment configures the process."""
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Serve the API. Settings come from HANDSOFF_... variables; .env.example lists them.",
    )
    parser.add_argument("--version", action="version", version=f"handsoff {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="[COMMAND]")
    commands.add_parser(
        DOCTOR,
        help="look for faults in settings, Redis, store, disks, clocks and device, and say what to mend;"
        " exit with 1 if there is one",
    )
    keys.add_to(commands.add_parser(KEYS, help="create, list, rotate and revoke API keys"))
    tenants.add_to(commands.add_parser(TENANTS, help="list tenants and set their limits"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
