"""Errors about the API key or token of a request: it is missing or not valid, or lacks a scope."""

from contracts.errors.tree import HandsOffError

CHALLENGE = 'Bearer realm="handsoff"'
"""The start of `WWW-Authenticate` (RFC 6750, section 3)."""


class Unauthorized(HandsOffError):
    """The request has no API key and no token that is valid now. `is_missing`: it has none."""

    code = "unauthorized"
    status = 401
    title = "A valid API key is needed"

    def __init__(self, detail: str, *, is_missing: bool = False) -> None:
        super().__init__(detail)
        cause = "" if is_missing else ', error="invalid_token"'
        self.headers = {"WWW-Authenticate": f"{CHALLENGE}{cause}"}


class Forbidden(HandsOffError):
    """The caller may not do this. `scope` is the scope that the key or token lacks, if that is the reason."""

    code = "forbidden"
    status = 403
    title = "The caller may not do this"

    def __init__(self, detail: str, *, scope: str | None = None) -> None:
        super().__init__(detail)
        self.scope = scope
        if scope is not None:
            challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
            self.headers = {"WWW-Authenticate": challenge}
