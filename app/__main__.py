"""`python -m app`: serves the API. On loopback only, until there are API keys."""

import argparse
import ipaddress
import sys
from collections.abc import Sequence

import uvicorn

from app.main import VERSION, create_app
from state.logs import configure_logs
from state.private_files import keep_files_private
from state.settings import Settings


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may_bind(settings: Settings) -> bool:
    """True for loopback, and wherever an operator answers for whoever reaches the port."""
    return settings.trust_network or is_loopback(settings.host)


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line and the environment, and serve until the process is stopped."""
    _parser().parse_args(words)
    settings = Settings()
    if not may_bind(settings):
        sys.stderr.write(
            f"HANDSOFF_HOST is {settings.host}, but the API has no keys yet and so binds to loopback only."
            " Set it to 127.0.0.1 and put your own authentication in front. Where nobody else can reach the port"
            " (a container that publishes it on loopback alone), HANDSOFF_TRUST_NETWORK=true allows it.\n"
        )
        return 2
    keep_files_private()
    configure_logs(settings)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=10,  # else an open event stream would hold the process up
        access_log=False,  # ours has the request's id and leaves out the query
        server_header=False,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    """No options but help and version: a process is set up by its environment alone."""
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Serve the API. Settings come from HANDSOFF_... variables; .env.example lists them.",
    )
    parser.add_argument("--version", action="version", version=f"handsoff {VERSION}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
