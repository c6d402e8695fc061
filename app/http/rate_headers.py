"""Adds `RateLimit` and `RateLimit-Policy` to the answers of a tenant that has a limit of requests."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.rates import CURRENT_RATE


class RateHeaders:
    """ASGI middleware. The request's dependencies set the rate in the same context."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        CURRENT_RATE.set(None)  # a connection serves several requests in one context

        async def send_with_rate(message: Message) -> None:
            rate = CURRENT_RATE.get()
            if message["type"] == "http.response.start" and rate is not None:
                MutableHeaders(scope=message).update(rate.headers)
            await send(message)

        await self.app(scope, receive, send_with_rate)
