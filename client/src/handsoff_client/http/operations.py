"""Method and path of every request of the client. A test compares them with the OpenAPI document."""

from typing import NamedTuple
from urllib.parse import quote

from handsoff_shards.errors import InvalidInput


class Operation(NamedTuple):
    """A method and a path with optional placeholders `{id}`, `{shard}` and `{message}`."""

    method: str
    path: str

    def at(self, resource_id: str = "") -> str:
        """Return the path with the id filled in. Raises `InvalidInput` for an id that would change the path."""
        if "{id}" in self.path and resource_id in ("", ".", ".."):
            raise InvalidInput(f"Expected an id, got {resource_id!r}.")
        return self.path.replace("{id}", quote(resource_id, safe=""))

    def of_message(self, message_id: str) -> "Operation":
        """Return the operation with the id of a message filled in."""
        return self._replace(path=self.path.replace("{message}", quote(message_id, safe="")))

    def of_shard(self, index: int) -> "Operation":
        """Return the operation with the number of a shard filled in."""
        return self._replace(path=self.path.replace("{shard}", str(index)))


GET_OPENAPI = Operation("GET", "/openapi.json")
"""The document itself, so it is not in `OPERATIONS`."""

GET_READY = Operation("GET", "/readyz")

GET_USAGE = Operation("GET", "/v1/usage")

CREATE_WEBHOOK = Operation("POST", "/v1/webhooks")
LIST_WEBHOOKS = Operation("GET", "/v1/webhooks")
GET_WEBHOOK = Operation("GET", "/v1/webhooks/{id}")
CHANGE_WEBHOOK = Operation("PUT", "/v1/webhooks/{id}")
DELETE_WEBHOOK = Operation("DELETE", "/v1/webhooks/{id}")
ROTATE_WEBHOOK = Operation("POST", "/v1/webhooks/{id}/rotate")
TEST_WEBHOOK = Operation("POST", "/v1/webhooks/{id}/test")
LIST_MESSAGES = Operation("GET", "/v1/webhooks/{id}/deliveries")
REDELIVER_MESSAGE = Operation("POST", "/v1/webhooks/{id}/deliveries/{message}/redeliver")

CREATE_LABELSET = Operation("POST", "/v1/labelsets")
LIST_LABELSETS = Operation("GET", "/v1/labelsets")
GET_LABELSET = Operation("GET", "/v1/labelsets/{id}")
DELETE_LABELSET = Operation("DELETE", "/v1/labelsets/{id}")

CREATE_UPLOAD = Operation("POST", "/v1/uploads")
GET_UPLOAD = Operation("GET", "/v1/uploads/{id}")

STOP_TRAINING = Operation("POST", "/v1/generators/{id}/stop")

LIST_SHARDS = Operation("GET", "/v1/batches/{id}/shards")
GET_BATCH_MANIFEST = Operation("GET", "/v1/batches/{id}/manifest")

RESUME_BATCH = Operation("POST", "/v1/batches/{id}/resume")

DELIVER_BATCH = Operation("POST", "/v1/batches/{id}/deliver")
GET_DELIVERY = Operation("GET", "/v1/batches/{id}/delivery")

GET_EXPORT_RECORD = Operation("GET", "/v1/batches/{id}/export/record")

LIST_LABELING_SHARDS = Operation("GET", "/v1/labelings/{id}/shards")
GET_LABELING_MANIFEST = Operation("GET", "/v1/labelings/{id}/manifest")
GET_LABELING_ARCHIVE = Operation("GET", "/v1/labelings/{id}/export/record")

CREATE_STREAM = Operation("POST", "/v1/streams")
LIST_STREAMS = Operation("GET", "/v1/streams")
GET_STREAM = Operation("GET", "/v1/streams/{id}")
DELETE_STREAM = Operation("DELETE", "/v1/streams/{id}")
CREATE_REPORT = Operation("POST", "/v1/streams/{id}/reports")
GET_STEERING = Operation("GET", "/v1/streams/{id}/steering")
GET_DISTRIBUTION = Operation("GET", "/v1/streams/{id}/distribution")
GET_SHARD_RECORD = Operation("GET", "/v1/streams/{id}/shards/{shard}/record")


class JobOperations(NamedTuple):
    """The operations of one kind of job."""

    create: Operation
    list: Operation
    get: Operation
    cancel: Operation
    delete: Operation
    events: Operation

    @classmethod
    def of(cls, noun: str, create: str | None = None) -> "JobOperations":
        """Return the operations of a kind of job at `/v1/{noun}`. `create` replaces the path of the POST."""
        root, one = f"/v1/{noun}", f"/v1/{noun}/{{id}}"
        return cls(
            create=Operation("POST", create or root),
            list=Operation("GET", root),
            get=Operation("GET", one),
            cancel=Operation("POST", f"{one}/cancel"),
            delete=Operation("DELETE", one),
            events=Operation("GET", f"{one}/events"),
        )


GENERATORS = JobOperations.of("generators")
INVERTERS = JobOperations.of("inverters", create="/v1/generators/{id}/inverters")
FITS = JobOperations.of("fits")
BATCHES = JobOperations.of("batches")
LABELINGS = JobOperations.of("labelings")
EVALUATIONS = JobOperations.of("evaluations")

OPERATIONS: tuple[Operation, ...] = (
    GET_READY,
    GET_USAGE,
    CREATE_WEBHOOK,
    LIST_WEBHOOKS,
    GET_WEBHOOK,
    CHANGE_WEBHOOK,
    DELETE_WEBHOOK,
    ROTATE_WEBHOOK,
    TEST_WEBHOOK,
    LIST_MESSAGES,
    REDELIVER_MESSAGE,
    CREATE_LABELSET,
    LIST_LABELSETS,
    GET_LABELSET,
    DELETE_LABELSET,
    CREATE_UPLOAD,
    GET_UPLOAD,
    STOP_TRAINING,
    LIST_SHARDS,
    GET_BATCH_MANIFEST,
    RESUME_BATCH,
    DELIVER_BATCH,
    GET_DELIVERY,
    GET_EXPORT_RECORD,
    LIST_LABELING_SHARDS,
    GET_LABELING_MANIFEST,
    GET_LABELING_ARCHIVE,
    CREATE_STREAM,
    LIST_STREAMS,
    GET_STREAM,
    DELETE_STREAM,
    CREATE_REPORT,
    GET_STEERING,
    GET_DISTRIBUTION,
    GET_SHARD_RECORD,
    *GENERATORS,
    *INVERTERS,
    *FITS,
    *BATCHES,
    *LABELINGS,
    *EVALUATIONS,
)
