"""Answers requests that the stopping server cancels with 503: uvicorn would answer 500 in plain text."""

import asyncio

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.problems import respond
from app.services import Services
from contracts.errors.tree import Unavailable


class StoppingProblems:
    """ASGI middleware: 503 with `Retry-After` for a request that is cancelled before its response has started.

    Requests that wait are not cancelled; they end by themselves. What remains is slow, such as an upload.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except asyncio.CancelledError:
            if scope["type"] != "http" or has_started or not _is_stopping(scope):
                raise
            error = Unavailable("The service is stopping. Send the request again in a few seconds.")
            await respond(Request(scope), error)(scope, receive, send)


def _is_stopping(scope: Scope) -> bool:
    services: Services = scope["app"].state.services
    return services.listener.is_stopping
