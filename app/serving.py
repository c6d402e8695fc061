"""The HTTP server of the app: uvicorn with this service's limits."""

import uvicorn
from fastapi import FastAPI

from state.settings import Settings

GRACE_SECONDS = 10
"""How long open requests may take to end when the server stops."""


def server_of(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """Return the server of an app. `run()` serves until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        timeout_keep_alive=int(settings.keep_alive.total_seconds()),
        timeout_graceful_shutdown=GRACE_SECONDS,
        access_log=False,  # `request_ids.py` logs the id and leaves out the query
        server_header=False,
        ws="none",
    )
    return uvicorn.Server(config)
