"""The HTTP server of the app: uvicorn with this service's limits, and an end that answers every request."""

import socket

import uvicorn
from fastapi import FastAPI

from app.services import Services
from state.process.tracing import flush_spans
from state.settings import Settings

GRACE_SECONDS = 10
"""How long open requests may take to end when the server stops. Then they are cancelled."""


class Server(uvicorn.Server):
    """A server whose waiting requests end when it stops: with the present state, or 503 and `Retry-After`."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the waits, then close the connections as uvicorn does."""
        services: Services = self._app.state.services
        services.listener.stop()
        await super().shutdown(sockets)
        flush_spans()  # uvicorn ends the process by a signal, so nothing runs at its exit


def server_of(app: FastAPI, settings: Settings) -> Server:
    """Return the server of an app. `run()` serves until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        timeout_keep_alive=int(settings.keep_alive.total_seconds()),
        timeout_graceful_shutdown=GRACE_SECONDS,
        access_log=False,  # `request_ids.py` logs the id and leaves out the query
        log_config=None,  # `state/process/logs.py` gives its lines the form of ours
        server_header=False,
        ws="none",
    )
    return Server(app, config)
