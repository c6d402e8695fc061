"""`validate_only`: what a create would store, and what it would cost, without storing anything."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Response

from contracts.accounts.estimates import CostEstimate
from contracts.base import Model
from contracts.jobs import JobEnvelope

PARAMETER = "validate_only"

ValidateOnly = Annotated[
    bool,
    Query(alias=PARAMETER, description="Check the request and answer 200. Store and queue nothing"),
]
"""The query parameter of every create."""

_MADE = {*JobEnvelope.model_fields, "links", "tenant", "put", "used_by", "received_bytes", "secret"}
"""The fields of views that only a stored resource has."""


class Validation(Model):
    """A valid request of a create: the values that it would store, with all defaults, and the predicted cost of a job.

    Nothing is stored.
    """

    resolved: dict[str, Any]
    estimate: CostEstimate | None = None


def validation(
    view: Model,
    *,
    without: frozenset[str] = frozenset(),
    checked: Mapping[str, Model] | None = None,
) -> Response:
    """Answer 200 with what a resource would be, from its view. Its id and links would lead nowhere.

    `without` are further fields that only a stored resource has. `checked` are the values of fields that refer to
    another resource, which the same request would store.
    """
    resolved = view.model_dump(mode="json", by_alias=True, exclude={*_MADE, *without})
    resolved |= {name: value.model_dump(mode="json") for name, value in (checked or {}).items()}
    estimate = getattr(view, "estimate", None)
    answer = Validation(resolved=resolved, estimate=estimate)
    return Response(answer.model_dump_json(), media_type="application/json")
