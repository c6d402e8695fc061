"""The forms of the page: their fields as the body of the API, and its errors beside the fields.

The name of a field is the JSON pointer of its value without the first slash: `options/estimate`.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

import redis
import structlog
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError

from app.http.problems import QUEUE_IS_SILENT, invalid_request
from app.ui.routing import see
from app.ui.visits import Visit, VisitDep, check_token
from contracts.accounts.estimates import CostEstimate
from contracts.errors.tree import Flaw, HandsOffError, InvalidRequest, QueueUnavailable
from contracts.ids import uuid7_hex

log = structlog.get_logger()

TOKEN, ONCE = "csrf", "once"
"""The fields of every form: the visitor's token, and the Idempotency-Key of what it creates."""
_MAX_FIELDS = 100
_MAX_DIGITS = 20

FieldValues = Mapping[str, str]
Refusal = HandsOffError | RequestValidationError | redis.RedisError
REFUSALS = (HandsOffError, RequestValidationError, redis.RedisError)


@dataclass(frozen=True)
class Checked:
    """A valid request that was not sent yet: its predicted cost or why there is none, and warnings."""

    estimate: CostEstimate | None = None
    warnings: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class FormState:
    """What a form shows: the values that were sent, the errors at each field, and the other errors.

    `is_check`: the values were checked, not sent. `checked` is the result of a check that found no error.
    """

    values: FieldValues = field(default_factory=dict)
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    others: tuple[Flaw, ...] = ()
    detail: str = ""
    checked: Checked | None = None
    is_check: bool = False
    once: str = field(default_factory=uuid7_hex)

    def value(self, name: str, default: object = "") -> str:
        """Return the value of a field."""
        return self.values.get(name, str(default))

    def is_on(self, name: str, *, default: bool) -> bool:
        """Return whether a box is checked."""
        return self.value(name, str(default).lower()) == "true"


async def _fields(request: Request, _: VisitDep) -> FieldValues:
    """Return the fields of a form without files, after its token is checked."""
    async with request.form(max_files=0, max_fields=_MAX_FIELDS) as form:
        # A box that is not checked sends the hidden field before it: the last value counts.
        values = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    check_token(request, values.pop(TOKEN, None))
    return values


FieldsDep = Annotated[FieldValues, Depends(_fields)]
"""The fields of a form. An unknown visitor's form is not read."""


def body_of(
    values: FieldValues,
    *,
    lists: Collection[str] = (),
    numbers: Collection[str] = (),
    without: Collection[str] = (ONCE, TOKEN),
) -> dict[str, Any]:
    """Return the fields as a body of the API. Empty fields are left out.

    `lists` have values between commas. `numbers` must be whole numbers in a body; a form has only text.
    """
    body: dict[str, Any] = {}
    for name, value in values.items():
        text = value.strip()
        if text and name not in without:
            *parents, last = name.split("/")
            node = body
            for parent in parents:
                node = node.setdefault(parent, {})
            is_number = name in numbers and text.isdecimal() and len(text) < _MAX_DIGITS
            if name in lists:
                node[last] = [one.strip() for one in text.split(",")]
            else:
                node[last] = int(text) if is_number else text
    return body


def answer(
    create: Callable[[], str], again: Callable[[FormState, int], Response], values: FieldValues
) -> Response:
    """Open the page of what `create` has created, or show the form `again` with the errors beside its fields."""
    try:
        return see(create())
    except REFUSALS as error:
        return again(*failed(values, error))


def failed(values: FieldValues, error: Refusal) -> tuple[FormState, int]:
    """Return the form after an error, and the status of its page."""
    if isinstance(error, redis.RedisError):
        log.warning("form not sent: redis does not respond", error=str(error))
        error = QueueUnavailable(QUEUE_IS_SILENT)
    if isinstance(error, RequestValidationError):
        error = invalid_request(error, "")
    errors: dict[str, list[str]] = defaultdict(list)
    others: list[Flaw] = []
    for flaw in error.flaws:
        name = _field_of(flaw.pointer or "")
        if name and not flaw.file:
            errors[name].append(flaw.detail)
        else:
            others.append(flaw)
    is_known = isinstance(error, InvalidRequest) and (errors or others)
    detail = "" if is_known else error.detail
    return FormState(values, dict(errors), tuple(others), detail), HTTPStatus(error.status)


def _field_of(pointer: str) -> str:
    """Return the name of the field of a JSON pointer: a flaw of a list's item belongs to the list."""
    parts = pointer.strip("/").split("/")
    while len(parts) > 1 and parts[-1].isdigit():
        parts.pop()
    return "/".join(parts)


def check_form(visit: Visit, values: FieldValues) -> None:
    """Check the token of a form with files, whose fields are read elsewhere."""
    check_token(visit.exchange.request, values.get(TOKEN))
