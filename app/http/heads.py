"""Answers HEAD as GET is answered, without the body (RFC 9110, section 9.3.2). FastAPI alone answers it with 405."""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Answered(Exception):
    """Ends what would go on to make a body."""


class Heads:
    """ASGI middleware: a HEAD is a GET that ends with its headers. No body is begun, also where one has no end."""

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
                raise _Answered

        with suppress(_Answered):
            await self.app({**scope, "method": "GET"}, receive, send_headers)
