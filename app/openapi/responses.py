"""The statuses and headers of each operation, beside its success.

Most follow from the operation's method, parameters and body; a table lists the rest. `make fuzz` finds missing ones.
"""

from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from app.http.problems import MEDIA_TYPE
from app.http.validation import PARAMETER
from app.openapi.parameters import ANSWER_HEADERS
from app.openapi.security import OPEN
from contracts.errors.access import Forbidden, Unauthorized
from contracts.errors.conflicts import (
    BuiltIn,
    FitNotReady,
    GeneratorNotReady,
    JobNotFinished,
    NotRendered,
    NotResumable,
    NotSteered,
    NotTrained,
    RequestInProgress,
    UploadIncomplete,
    UploadUsed,
)
from contracts.errors.foreign import ForeignHost, ForeignOrigin
from contracts.errors.limits import QueueFull, QuotaExceeded, TooManyRequests
from contracts.errors.tree import (
    ExportFailed,
    ExportNotReady,
    Gone,
    HandsOffError,
    IdempotencyMismatch,
    InvalidCursor,
    InvalidLink,
    InvalidRequest,
    InvalidUpload,
    NotFound,
    QueueUnavailable,
    ShardFailed,
    ShardNotReady,
    SlowBody,
    StoreUnavailable,
    TooLarge,
    Unavailable,
    UnreadableBody,
)

Operation = dict[str, Any]
Errors = tuple[type[HandsOffError], ...]

HEALTH = frozenset({"is_alive", "is_ready"})
_CREATE_VERBS = frozenset({"create", "resume"})
_CREATES: Errors = (RequestInProgress, IdempotencyMismatch)
_OF_FILES = ("Accept-Ranges", "Content-Disposition")
_CHANGES = frozenset({"post", "put", "patch", "delete"})

_OTHERS: dict[str, Errors] = {
    "create_labelset": (InvalidUpload,),
    "create_generator": (InvalidUpload, UploadIncomplete, UploadUsed),
    "create_labeling": (InvalidUpload, FitNotReady, UploadIncomplete, UploadUsed),
    "create_inverter": (GeneratorNotReady,),
    "create_fit": (GeneratorNotReady, InvalidUpload),
    "create_batch": (FitNotReady,),
    "resume_batch": (NotResumable, FitNotReady),
    "deliver_batch": (NotRendered,),
    "create_stream": (FitNotReady,),
    "create_report": (NotSteered,),
    "get_steering": (NotSteered,),
    "create_evaluation": (FitNotReady,),
    "put_content": (InvalidLink, InvalidUpload, UploadUsed),
    "delete_upload": (UploadUsed,),
    "delete_generator": (BuiltIn,),
    "stop_training": (NotTrained,),
    "list_inverters_of": (GeneratorNotReady,),
    "list_shards": (NotRendered,),
    "get_batch_manifest": (NotRendered,),
    "list_labeling_shards": (NotRendered,),
    "get_labeling_manifest": (NotRendered,),
    "read_export": (NotRendered, ExportFailed, ExportNotReady, TooLarge),
    "get_export_record": (NotRendered, ExportFailed, ExportNotReady, TooLarge),
    "read_labeling_export": (NotRendered, ExportFailed, ExportNotReady, TooLarge),
    "get_labeling_archive": (NotRendered, ExportFailed, ExportNotReady, TooLarge),
    "read_shard": (ShardFailed, ShardNotReady, QuotaExceeded),
    "get_shard_record": (ShardFailed, ShardNotReady, QuotaExceeded),
    "read_tar": (ShardFailed, ShardNotReady, QuotaExceeded),
    "read_file": (InvalidLink, Gone),
}
"""Errors of an operation beside those that follow from its method, parameters and body."""


_NEVER_GONE = frozenset({"upload_id", "key_id", "tenant_id", "webhook_id"})
"""Parameters of resources that leave no tombstone."""


def add_errors(method: str, operation: Operation, kinds: frozenset[str]) -> None:
    """Add every error of the operation, as problem+json."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for error in dict.fromkeys(_errors_of(method, operation, kinds)):
        by_status[error.status].append(f"`{error.code}`: {error.title}.")
        if issubclass(error, ShardFailed | ExportFailed):
            by_status[503].append(f"`{error.code}`: {error.title} now; it is tried again.")
    if operation["operationId"] == "read_file":
        by_status[416].append("The object has no bytes in this `Range`.")
    for status in sorted(by_status):
        answer = _problem(" ".join(by_status[status]))
        operation["responses"].setdefault(str(status), answer)


def add_successes(operation: Operation, kinds: frozenset[str]) -> None:
    """Add the other successes of an operation, and the headers of every response."""
    name, answers = operation["operationId"], operation["responses"]
    verb, _, noun = name.partition("_")
    if verb in {"create", "resume", "cancel"} and noun in kinds:
        answers["200"] = {**answers["202"], "description": "The job has ended"}
        answers["202"]["description"] = "The job is queued, running, or stopping"
    if any(one["name"] == PARAMETER for one in operation.get("parameters", ())):
        _add_validation(name, answers)
    if verb == "get" and noun in kinds:
        answers["304"] = {"description": "The job has not changed"}
    if verb == "follow":
        answers["204"] = {"description": "The job has ended; there are no further events"}
    if name == "read_file":
        answers["206"] = {**answers["200"], "description": "The requested part"}
        answers["304"] = {"description": "The object has not changed"}
    for status, answer in answers.items():
        found = sorted(set(_headers(name, int(status), kinds)))
        answer["headers"] = {one: {"$ref": f"#/components/headers/{one}"} for one in found}
    operation["responses"] = dict(sorted(answers.items()))


def _add_validation(name: str, answers: dict[str, Any]) -> None:
    """Add the answer of `validate_only`. That of a labelset is in its route: it has the content of the files."""
    if name == "create_labelset":
        return
    schema: dict[str, Any] = {"$ref": "#/components/schemas/Validation"}
    description = "Checked, nothing is stored"
    ended = answers.get("200")
    if ended is not None:
        schema = {"anyOf": [ended["content"]["application/json"]["schema"], schema]}
        description = f"{ended['description']}; or checked by `{PARAMETER}`, nothing is stored"
    content = {"application/json": {"schema": schema}}
    answers["200"] = {"description": description, "content": content}


def _errors_of(
    method: str, operation: Operation, kinds: frozenset[str]
) -> Iterator[type[HandsOffError]]:
    name = operation["operationId"]
    verb, _, noun = name.partition("_")
    parameters = {one["name"] for one in operation.get("parameters", ())}
    has_body, has_id = "requestBody" in operation, any(one.endswith("_id") for one in parameters)
    rules: tuple[tuple[bool, Errors], ...] = (
        (True, (HandsOffError,)),
        (name not in HEALTH, (ForeignHost, StoreUnavailable, QueueUnavailable)),
        (name not in OPEN, (Unauthorized, Forbidden, TooManyRequests, Unavailable)),
        (method in _CHANGES, (ForeignOrigin,)),
        (method in {"post", "put"}, (TooLarge,)),
        (has_body, (UnreadableBody, SlowBody)),
        (has_body or bool(parameters), (InvalidRequest,)),
        (has_id, (NotFound,)),
        (has_id and not parameters & _NEVER_GONE, (Gone,)),
        ("after" in parameters and "events" not in name, (InvalidCursor,)),
        (verb in _CREATE_VERBS, (*_CREATES, QuotaExceeded)),
        (verb == "create" and noun in kinds, (QueueFull,)),
        (True, _OTHERS.get(name, ())),
        (verb == "delete" and noun in kinds, (JobNotFinished,)),
    )
    for applies, errors in rules:
        yield from errors if applies else ()


def _headers(name: str, status: int, kinds: frozenset[str]) -> Iterator[str]:
    verb, _, noun = name.partition("_")
    is_job, is_success = noun in kinds, status < HTTPStatus.MULTIPLE_CHOICES
    is_shown = is_job and verb == "get" and status in {200, 304}
    rules = (
        (True, ("X-Request-Id",)),
        (name not in OPEN and (is_success or status == 429), ("RateLimit", "RateLimit-Policy")),
        (is_success and verb in _CREATE_VERBS, ("Location", "Idempotent-Replayed")),
        (is_success and is_job and verb in {*_CREATE_VERBS, "get"}, ("Preference-Applied",)),
        (is_job and verb in {*_CREATE_VERBS, "cancel"} and status in {200, 202}, ("Retry-After",)),
        (is_shown, ("ETag", "Cache-Control", "Retry-After")),
        (is_success and verb == "list" and "events" not in name, ("Link",)),
        (status == HTTPStatus.TEMPORARY_REDIRECT, ("Location", "Cache-Control")),
        (name == "read_file" and status in {200, 206, 304}, ("ETag", "Cache-Control", *_OF_FILES)),
        (name == "read_file" and status in {206, 416}, ("Content-Range",)),
        (status in {401, 403} and name not in OPEN, ("WWW-Authenticate",)),
        (name in {"issue_key", "add_webhook"} and is_success, ("Location",)),
        (status in {409, 429, 503} and name not in HEALTH, ("Retry-After",)),
    )
    for applies, headers in rules:
        yield from headers if applies else ()


def header_components() -> dict[str, Any]:
    """Return the headers of all responses by name, as the targets of references."""
    found = {}
    for name, (text, example) in ANSWER_HEADERS.items():
        kind = "integer" if isinstance(example, int) else "string"
        found[name] = {"description": text, "schema": {"type": kind, "examples": [example]}}
    return found


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
