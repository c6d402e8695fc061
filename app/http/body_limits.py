"""Turns FastAPI's plain 413 of its body limit into problem+json: that response bypasses the error handlers."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.problems import MEDIA_TYPE, respond
from contracts.errors.tree import HandsOffError, TooLarge

Answer = Callable[[Request, HandsOffError], Response]

PAGE_TYPE = "text/html"
"""An error page of the web page, which has the same facts as the problem."""


class BodyLimitProblems:
    """ASGI middleware that rewrites a plain 413 response as problem+json, or as `answer` gives it."""

    def __init__(self, app: ASGIApp, answer: Answer = respond) -> None:
        self.app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start" and _is_plain_refusal(message):
                is_replaced = True
                error = TooLarge(
                    "The body is larger than this address accepts. Send less data in one request."
                )
                await self._answer(Request(scope), error)(scope, receive, send)
            elif not is_replaced:
                await send(message)

        await self.app(scope, receive, send_problem)


def _is_plain_refusal(message: Message) -> bool:
    media_type = Headers(raw=message["headers"]).get("Content-Type", "")
    is_too_large = message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return is_too_large and media_type.partition(";")[0] not in (MEDIA_TYPE, PAGE_TYPE)
