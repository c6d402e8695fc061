"""Answers HEAD like GET, without the body (RFC 9110, section 9.3.2). FastAPI by itself answers it with 405."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _HeadersSent(Exception):
    """Stops the endpoint before it produces the body."""


class Heads:
    """ASGI middleware that runs a HEAD as a GET and stops it after the headers, so endless bodies never start."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _HeadersSent

        try:
            await self.app({**scope, "method": "GET"}, receive, send_headers)
        except* _HeadersSent:
            pass  # an endpoint that streams raises it within a group, from the task that sends
