"""The routes of the page: security headers on every response, and errors as pages for people.

An error has the status, the headers and the facts of the API's answer to the same error.
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import redis
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from app.http.problems import Problem, answer_of, respond
from app.ui.visits import KEY_COOKIE, PATH, identify, keep_cookies, open_visit, uses_keys
from contracts.errors.access import Forbidden, Unauthorized
from contracts.errors.tree import HandsOffError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline, and nothing from another site."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_ERRORS = (HandsOffError, RequestValidationError, HTTPException, redis.RedisError, OSError)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Handler:
        """Return the handler that answers errors with pages and adds the headers."""
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                response = await handle(request)
            except _ERRORS as error:
                response = await run_in_threadpool(_error_page, request, error)
            return _completed(request, response)

        return handle_page


def answer_error(request: Request, error: HandsOffError) -> Response:
    """Return the answer to an error before any route: a page for a page's address, else the problem of the API."""
    if request.url.path.startswith(f"{PATH}/"):
        return _completed(request, _error_page(request, error))
    return respond(request, error)


def see(path: str) -> Response:
    """Return the answer to a form: the browser opens another page."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def _completed(request: Request, response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    keep_cookies(request, response)
    return response


def _error_page(request: Request, error: Exception) -> Response:
    if isinstance(error, Unauthorized) and uses_keys(request):
        return _to_sign_in(request, error)
    answer = answer_of(request, error)
    if not answer.body:
        return answer
    problem = Problem.model_validate_json(bytes(answer.body))
    page = open_visit(request, _tenant(request)).page(
        "error.html", answer.status_code, title=problem.title, problem=problem
    )
    kept = {"retry-after", "allow", "www-authenticate"}
    page.headers.update({name: each for name, each in answer.headers.items() if name in kept})
    return page


def _to_sign_in(request: Request, error: Unauthorized) -> Response:
    """Ask for a key. A page that was requested is opened afterwards."""
    has_key = KEY_COOKIE in request.cookies
    if request.headers.get("HX-Request"):
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": "/ui/sign-in"})
    if request.method == "GET" and not has_key:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return see(f"/ui/sign-in?next={quote(target, safe='')}")
    detail = error.detail if has_key else "Sign in first. Nothing was changed."
    return open_visit(request).page("account/sign_in.html", error.status, error=detail, next="/ui")


def _tenant(request: Request) -> str:
    """Return who asks, for the frame around an error; nothing for an unknown visitor."""
    try:
        return identify(request, "read")
    except (Unauthorized, Forbidden):
        return ""
