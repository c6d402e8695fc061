"""The client matches the OpenAPI document of the service."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from app.main import create_app
from handsoff_client import (
    Archive,
    Batch,
    Evaluation,
    Fit,
    Generator,
    Inverter,
    Labeling,
    LabelingReport,
    LabelledImage,
    Labelset,
    Shard,
    Stream,
    UnreadableImage,
)
from handsoff_client.account.webhooks import Webhook
from handsoff_client.answers.costs import Estimate, Validation
from handsoff_client.answers.deliveries import Delivery
from handsoff_client.answers.shards import Card, ShardList
from handsoff_client.api.evaluations import ArmProgress, ReportFile
from handsoff_client.api.jobs import EVENTS_ON_A_PAGE
from handsoff_client.api.pages import ITEMS_ON_A_PAGE
from handsoff_client.api.resources import Job
from handsoff_client.api.waiting import WAIT_SECONDS
from handsoff_client.http.operations import (
    BATCHES,
    CREATE_LABELSET,
    EVALUATIONS,
    FITS,
    GENERATORS,
    GET_EXPORT_RECORD,
    GET_SHARD_RECORD,
    INVERTERS,
    LABELINGS,
    LIST_LABELSETS,
    LIST_STREAMS,
    OPERATIONS,
    Operation,
)
from handsoff_client.http.parsing import WHOLE
from state.settings import Settings

# Operations of the service that the client does not use, each with its reason.
NOT_CALLED = {
    "GET /livez": "for supervisors",
    "GET /v1/files/{}": "called through signed links",
    "PUT /v1/uploads/{}/content": "called through signed links",
    "DELETE /v1/uploads/{}": "the service deletes unused uploads",
    "GET /v1/generators/{}/inverters": "the answer for a generator contains them",
    "GET /v1/generators/{}/events/live": "the client polls",
    "GET /v1/inverters/{}/events/live": "the client polls",
    "GET /v1/fits/{}/events/live": "the client polls",
    "GET /v1/batches/{}/events/live": "the client polls",
    "GET /v1/labelings/{}/events/live": "the client polls",
    "GET /v1/labelings/{}/export": "the client reads the record, which has the digest too",
    "GET /v1/evaluations/{}/events/live": "the client polls",
    "GET /v1/batches/{}/export": "the client reads the record, which has the digest too",
    "GET /v1/streams/{}/shards/{}": "the client reads the record, which has the digest too",
    "POST /v1/keys": "for administrators",
    "GET /v1/keys": "for administrators",
    "GET /v1/keys/{}": "for administrators",
    "DELETE /v1/keys/{}": "for administrators",
    "POST /v1/keys/{}/rotate": "for administrators",
    "GET /v1/tenants": "for operators",
    "GET /v1/tenants/{}": "for operators",
    "DELETE /v1/tenants/{}": "for operators",
    "PUT /v1/tenants/{}/limits": "for operators",
    "GET /v1/audit": "for administrators",
    "GET /v1/streams/{}/tar": "for curl, and loaders that read a pipe",
}

VIEWS = {
    "GeneratorView": Generator,
    "InverterView": Inverter,
    "LabelsetView": Labelset,
    "FitView": Fit,
    "BatchView": Batch,
    "LabelingView": Labeling,
    "LabelingManifest": LabelingReport,
    "LabelledImage": LabelledImage,
    "UnreadableImage": UnreadableImage,
    "EvaluationView": Evaluation,
    "ArmProgress": ArmProgress,
    "ReportFile": ReportFile,
    "ShardView": Shard,
    "ShardList": ShardList,
    "CardView": Card,
    "CostEstimate": Estimate,
    "Validation": Validation,
    "BatchDeliveryView": Delivery,
    "NewWebhookView": Webhook,
    "ExportView": Archive,
    "StreamView": Stream,
}

# Parameters of the query, with the maximum of numbers.
_JOBS = (GENERATORS, INVERTERS, FITS, BATCHES, LABELINGS, EVALUATIONS)
_PAGE: dict[str, int | None] = {"limit": ITEMS_ON_A_PAGE, "after": None}
QUERIES: dict[Operation, dict[str, int | None]] = {
    CREATE_LABELSET: {"validate_only": None},
    **{jobs.create: {"validate_only": None} for jobs in _JOBS},
    LIST_LABELSETS: _PAGE,
    LIST_STREAMS: _PAGE,
    **{jobs.list: _PAGE | {"status": None} for jobs in _JOBS},
    **{jobs.events: {"limit": EVENTS_ON_A_PAGE, "after": None} for jobs in _JOBS},
    GET_EXPORT_RECORD: {"format": None, "wait": WAIT_SECONDS},
    GET_SHARD_RECORD: {"wait": WAIT_SECONDS},
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document that the service answers at /openapi.json."""
    return create_app(Settings.model_validate({"store_url": "memory:///"})).openapi()


def without_names(method: str, path: str) -> str:
    """Return an operation without the names of its path parameters."""
    return f"{method} {re.sub(r'{[^}]*}', '{}', path)}"


def operations_of(document: dict[str, Any]) -> Iterator[str]:
    """Yield every operation of the document."""
    for path, methods in document["paths"].items():
        for method in methods:
            yield without_names(method.upper(), path)


def test_every_request_of_the_client_exists(document: dict[str, Any]) -> None:
    """The document has its method and path."""
    called = {without_names(*operation) for operation in OPERATIONS}
    assert called <= set(operations_of(document))


def test_every_operation_of_the_service_is_called_or_listed(document: dict[str, Any]) -> None:
    """A new operation needs a client method, or a reason here."""
    called = {without_names(*operation) for operation in OPERATIONS}
    assert set(operations_of(document)) - called == set(NOT_CALLED)


@pytest.mark.parametrize(("view", "kind"), VIEWS.items())
def test_every_field_of_the_client_exists(document: dict[str, Any], view: str, kind: type) -> None:
    """Names are those of the document. Further fields are in `json`."""
    properties = document["components"]["schemas"][view]["properties"]
    assert {field.name for field in fields(kind)} - {WHOLE} <= set(properties)


@pytest.mark.parametrize(("operation", "sent"), QUERIES.items())
def test_every_query_of_the_client_exists(
    document: dict[str, Any], operation: Operation, sent: dict[str, int | None]
) -> None:
    """The document has the name, and allows the largest number that is sent."""
    (described,) = (
        methods[operation.method.lower()]
        for path, methods in document["paths"].items()
        if without_names("", path) == without_names("", operation.path)
    )
    schemas = {
        one["name"]: one["schema"] for one in described["parameters"] if one["in"] == "query"
    }
    assert set(sent) <= set(schemas)
    assert all(most is None or most <= schemas[name]["maximum"] for name, most in sent.items())


def test_every_create_accepts_the_arguments_of_the_client(document: dict[str, Any]) -> None:
    """The fields are the keyword arguments, and every create accepts an Idempotency-Key."""
    schemas = document["components"]["schemas"]
    sent = {"generator", "labelset", "validation_labelset", "inverter", "seed", "name", "options"}
    assert sent <= set(schemas["FitCreate"]["properties"])
    sent = {"name", "license", "upload", "import_options"}
    assert sent <= set(schemas["GeneratorCreate"]["properties"])
    sent = {"fit", "n", "seed", "truncation", "filter", "image_format", "shard_size"}
    assert sent <= set(schemas["BatchCreate"]["properties"])
    assert sent - {"n"} <= set(schemas["StreamCreate"]["properties"])
    sent = {"fit", "upload", "name", "aspect", "image_format", "shard_size", "condition"}
    assert sent <= set(schemas["LabelingCreate"]["properties"])
    sent = {
        "fit",
        "labelset",
        "heldout_labelset",
        "oracle_labelset",
        "labeling",
        "seed",
        "name",
        "options",
    }
    assert sent <= set(schemas["EvaluationCreate"]["properties"])
    names = ("labelsets", "fits", "batches", "streams", "labelings", "evaluations")
    creates = [document["paths"][f"/v1/{name}"]["post"] for name in names]
    assert all("Idempotency-Key" in str(create["parameters"]) for create in creates)


def test_final_statuses_match_the_service(document: dict[str, Any]) -> None:
    """All statuses except queued, running and cancelling are final."""
    statuses = set(document["components"]["schemas"]["JobStatus"]["enum"])
    final = {status for status in statuses if _job(status).has_ended}
    assert statuses - final == {"queued", "running", "cancelling"}


def _job(status: str) -> Job:
    return Job(id="fit_1", kind="fit", status=status, created_at=None)  # type: ignore[arg-type]  # not used
