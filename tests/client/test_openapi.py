"""The client and the service's OpenAPI document keep step."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from app.main import create_app
from handsoff_client import Archive, Batch, Fit, Generator, Inverter, Labelset, Shard, Stream
from handsoff_client.api.jobs import EVENTS_ON_A_PAGE, ITEMS_ON_A_PAGE
from handsoff_client.api.resources import Card, Job, ShardList
from handsoff_client.api.waiting import WAIT_SECONDS
from handsoff_client.http.operations import (
    BATCHES,
    CREATE_LABELSET,
    FITS,
    GENERATORS,
    GET_EXPORT_RECORD,
    GET_SHARD_RECORD,
    INVERTERS,
    LIST_LABELSETS,
    LIST_STREAMS,
    OPERATIONS,
    Operation,
)
from handsoff_client.http.parsing import WHOLE
from state.settings import Settings

# What the service offers and the client has no use for, each with its reason.
NOT_CALLED = {
    "GET /livez": "for supervisors",
    "GET /readyz": "for supervisors",
    "GET /v1/files/{}": "by the signed link as it comes",
    "PUT /v1/uploads/{}/content": "by the signed link as it comes",
    "DELETE /v1/uploads/{}": "an upload that nobody uses goes by itself",
    "GET /v1/generators/{}/inverters": "a generator's answer has them",
    "GET /v1/generators/{}/events/live": "the client polls",
    "GET /v1/inverters/{}/events/live": "the client polls",
    "GET /v1/fits/{}/events/live": "the client polls",
    "GET /v1/batches/{}/events/live": "the client polls",
    "GET /v1/batches/{}/export": "the client reads the record, which has the digest too",
    "GET /v1/streams/{}/shards/{}": "the client reads the record, which has the digest too",
    "GET /v1/streams/{}/tar": "for curl, and loaders that read a pipe",
}

VIEWS = {
    "GeneratorView": Generator,
    "InverterView": Inverter,
    "LabelsetView": Labelset,
    "FitView": Fit,
    "BatchView": Batch,
    "ShardView": Shard,
    "ShardList": ShardList,
    "CardView": Card,
    "ExportView": Archive,
    "StreamView": Stream,
}

# What is asked for in the query, with the largest number where it is one.
_JOBS = (GENERATORS, INVERTERS, FITS, BATCHES)
_PAGE: dict[str, int | None] = {"limit": ITEMS_ON_A_PAGE, "after": None}
QUERIES: dict[Operation, dict[str, int | None]] = {
    CREATE_LABELSET: {"validate_only": None},
    LIST_LABELSETS: _PAGE,
    LIST_STREAMS: _PAGE,
    **{jobs.list: _PAGE | {"status": None} for jobs in _JOBS},
    **{jobs.events: {"limit": EVENTS_ON_A_PAGE, "after": None} for jobs in _JOBS},
    GET_EXPORT_RECORD: {"format": None, "wait": WAIT_SECONDS},
    GET_SHARD_RECORD: {"wait": WAIT_SECONDS},
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as the service answers it at /openapi.json."""
    return create_app(Settings.model_validate({"store_url": "memory:///"})).openapi()


def nameless(method: str, path: str) -> str:
    """An operation without the names of its parameters."""
    return f"{method} {re.sub(r'{[^}]*}', '{}', path)}"


def offered(document: dict[str, Any]) -> Iterator[str]:
    """Every operation of the document."""
    for path, methods in document["paths"].items():
        for method in methods:
            yield nameless(method.upper(), path)


def test_every_request_of_the_client_is_offered(document: dict[str, Any]) -> None:
    """Method and path as the document has them."""
    called = {nameless(*operation) for operation in OPERATIONS}
    assert called <= set(offered(document))


def test_every_operation_of_the_service_is_called_or_listed(document: dict[str, Any]) -> None:
    """What is added to the service is added here, or the reason why not."""
    called = {nameless(*operation) for operation in OPERATIONS}
    assert set(offered(document)) - called == set(NOT_CALLED)


@pytest.mark.parametrize(("view", "kind"), VIEWS.items())
def test_every_field_that_the_client_reads_is_answered(
    document: dict[str, Any], view: str, kind: type
) -> None:
    """Names as the document has them; what it adds is in `json`."""
    properties = document["components"]["schemas"][view]["properties"]
    assert {field.name for field in fields(kind)} - {WHOLE} <= set(properties)


@pytest.mark.parametrize(("operation", "sent"), QUERIES.items())
def test_every_query_of_the_client_is_understood(
    document: dict[str, Any], operation: Operation, sent: dict[str, int | None]
) -> None:
    """By its name, and to the largest number that is sent."""
    (described,) = (
        methods[operation.method.lower()]
        for path, methods in document["paths"].items()
        if nameless("", path) == nameless("", operation.path)
    )
    known = {one["name"]: one["schema"] for one in described["parameters"] if one["in"] == "query"}
    assert set(sent) <= set(known)
    assert all(most is None or most <= known[name]["maximum"] for name, most in sent.items())


def test_every_create_takes_what_the_client_sends(document: dict[str, Any]) -> None:
    """The fields of its keyword arguments, and a key against making things twice."""
    schemas = document["components"]["schemas"]
    sent = {"generator", "labelset", "validation_labelset", "inverter", "seed", "name", "options"}
    assert sent <= set(schemas["FitCreate"]["properties"])
    sent = {"fit", "n", "seed", "truncation", "filter", "image_format", "shard_size"}
    assert sent <= set(schemas["BatchCreate"]["properties"])
    assert sent - {"n"} <= set(schemas["StreamCreate"]["properties"])
    nouns = ("labelsets", "fits", "batches", "streams")
    creates = [document["paths"][f"/v1/{noun}"]["post"] for noun in nouns]
    assert all("Idempotency-Key" in str(create["parameters"]) for create in creates)


def test_statuses_are_those_of_the_service(document: dict[str, Any]) -> None:
    """What the client takes for an end is one there."""
    statuses = set(document["components"]["schemas"]["JobStatus"]["enum"])
    ended = {status for status in statuses if _job(status).has_ended}
    assert statuses - ended == {"queued", "running", "cancelling"}


def _job(status: str) -> Job:
    return Job(id="fit_1", kind="fit", status=status, created_at=None)  # type: ignore[arg-type]  # not looked at
