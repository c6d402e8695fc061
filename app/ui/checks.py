"""The check of a form before it is sent: what the request will probably cost, or why it is refused.

Nothing is stored: it is the dry run of the API (`validate_only`). A script gets a small part of the page. Without
scripts the answer is the whole page, with the values kept and the errors beside their fields.
"""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from fastapi import Response

from app.http.idempotency import Created
from app.jobs.service import JobState
from app.ui.forms import (
    ONCE,
    REFUSALS,
    TOKEN,
    Checked,
    FieldValues,
    FormState,
    failed,
)
from app.ui.visits import Visit
from contracts.errors.tree import Flaw
from contracts.jobs import Request

_LABELS = {"n": "number of samples", "heldout_labelset": "held-out labelset"}
"""The names of required fields that differ from their labels."""


def check(
    visit: Visit,
    validate: Callable[[], Checked],
    again: Callable[[FormState, int], Response],
    values: FieldValues,
) -> Response:
    """Return what `validate` found as a part of the page, or show the form `again` with it."""
    try:
        state, status = FormState(values, checked=validate()), int(HTTPStatus.OK)
    except REFUSALS as error:
        state, status = failed(values, error)
    state = replace(state, is_check=True)
    if is_part(visit):
        return _part(visit, state)
    return again(state, status)


def check_job(
    visit: Visit,
    validate: Callable[[], Created[JobState]],
    again: Callable[[FormState, int], Response],
    values: FieldValues,
) -> Response:
    """Check the form of a job. `validate` returns the job that would be created."""
    return check(visit, lambda: _predicted(validate().value.record.request), again, values)


def is_part(visit: Visit) -> bool:
    """Return whether a script asks for a part of the page."""
    return "HX-Request" in visit.exchange.request.headers


def _predicted(request: Request) -> Checked:
    """Return the predicted cost of a job that was validated, and its warnings."""
    warnings = getattr(request, "warnings", ())
    texts = (one if isinstance(one, str) else str(one.detail) for one in warnings)
    return Checked(request.estimate, tuple(texts))


def _part(visit: Visit, state: FormState) -> Response:
    """Return the result, and the errors of each field. htmx shows no answer with the status of an error."""
    names = [name for name in state.values if name not in (TOKEN, ONCE)]
    missing = [name for name in state.errors if not state.value(name).strip()]
    errors = {name: texts for name, texts in state.errors.items() if name not in missing}
    lost = [
        Flaw(detail=f"{name}: {text}")
        for name, texts in errors.items()
        if name not in names
        for text in texts
    ]
    shown = replace(state, errors=errors, others=(*state.others, *lost))
    labels = [_LABELS.get(name, name.replace("_", " ")) for name in missing]
    return visit.page("forms/checked.html", form=shown, names=names, missing=labels)
