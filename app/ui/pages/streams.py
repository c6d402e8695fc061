"""The pages of streams: the recipe, and how a training loop reads it."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import redis
from fastapi import APIRouter, Response

from app import on_demand
from app.http.idempotency import Created
from app.http.json_bodies import validated
from app.streams import service
from app.streams.schemas import StreamCreate, show_stream
from app.ui.checks import check as check_form
from app.ui.choices import fit_choices
from app.ui.forms import ONCE, Checked, FieldsDep, FieldValues, FormState, answer, body_of
from app.ui.jobs import PAGE_SIZE, AfterQuery
from app.ui.routing import PageRoute, see
from app.ui.visits import Visit, VisitDep
from contracts.batches import ShardRecord
from contracts.errors.tree import NotFound
from contracts.ids import id_pattern
from contracts.streams import StreamRef, StreamRequest, StreamShardRef
from state.on_demand.kinds import STREAM_SHARDS
from state.stream_readers import StreamReaders

router = APIRouter(route_class=PageRoute, include_in_schema=False)

NUM_SHARDS = 10
_NO_COST = (
    "A new stream costs nothing: a shard is rendered shortly before a training loop reads it."
)
_ID = re.compile(id_pattern("stream"))


@dataclass(frozen=True)
class Requested:
    """A shard that a reader has requested: when, and its record while it is stored."""

    index: int
    at: datetime
    record: ShardRecord | None


@router.get("/ui/streams", name="ui_list_streams")
def list_streams(visit: VisitDep, after: AfterQuery = None) -> Response:
    """List the streams, newest first."""
    page = service.list_page(
        visit.services,
        visit.tenant,
        limit=PAGE_SIZE,
        after=after or None,
        show=lambda stream: show_stream(stream, visit.links),
    )
    read = {stream.id for stream in page.items if _is_read(visit, stream.id)}
    return visit.page("streams/list.html", page=page, read=read)


def _form(visit: Visit, form: FormState, status: int = 200) -> Response:
    return visit.page("forms/stream.html", status, form=form, fits=fit_choices(visit))


@router.get("/ui/streams/new", name="ui_new_stream")
def show_form(visit: VisitDep, fit: str = "") -> Response:
    """Show the form of a new stream."""
    return _form(visit, FormState(values={"fit": fit} if fit else {}))


@router.post("/ui/streams", name="ui_create_stream")
def create(visit: VisitDep, fields: FieldsDep) -> Response:
    """Create a stream as the API does."""
    return answer(
        lambda: f"/ui/streams/{_create(visit, fields).value.id}", partial(_form, visit), fields
    )


@router.post("/ui/streams/check", name="ui_check_stream")
def check(visit: VisitDep, fields: FieldsDep) -> Response:
    """Check the form. A stream has no predicted cost: its readers decide how much is rendered."""

    def validate() -> Checked:
        request = _create(visit, fields, validate_only=True).value
        return Checked(warnings=request.warnings, note=_NO_COST)

    return check_form(visit, validate, partial(_form, visit), fields)


def _create(
    visit: Visit, fields: FieldValues, *, validate_only: bool = False
) -> Created[StreamRequest]:
    body = validated(StreamCreate, body_of(fields, numbers=("condition",)))
    return service.create(
        visit.services, visit.tenant, body, fields.get(ONCE), validate_only=validate_only
    )


@router.get("/ui/streams/{stream_id}", name="ui_stream")
def show(stream_id: str, visit: VisitDep) -> Response:
    """Show one stream and its readers."""
    ref = _ref(visit, stream_id)
    view = show_stream(service.find(visit.services, ref), visit.links)
    has_readers, requested = _readers(visit, ref)
    return visit.page(
        "streams/stream.html", stream=view, has_readers=has_readers, requested=requested
    )


@router.get("/ui/streams/{stream_id}/delete", name="ui_ask_delete_stream")
def ask(stream_id: str, visit: VisitDep) -> Response:
    """Ask before a stream is deleted."""
    stream = service.find(visit.services, _ref(visit, stream_id))
    back = f"/ui/streams/{stream.id}"
    return visit.page("delete.html", noun="stream", name=stream.id, back=back)


@router.post("/ui/streams/{stream_id}/delete", name="ui_delete_stream")
def delete(stream_id: str, visit: VisitDep, _: FieldsDep) -> Response:
    """Delete a stream and its shards."""
    service.delete(visit.services, _ref(visit, stream_id))
    return see("/ui/streams")


def _ref(visit: Visit, stream_id: str) -> StreamRef:
    if not _ID.fullmatch(stream_id):
        raise NotFound("stream", stream_id[:80])
    return StreamRef(tenant=visit.tenant, id=stream_id)


def _readers(visit: Visit, ref: StreamRef) -> tuple[bool | None, list[Requested]]:
    """Return whether the stream is read now, and the shards that were requested last; None without Redis."""
    readers = StreamReaders(visit.services.ledger)
    try:
        requested = readers.requested_at(ref)
        newest = sorted(requested, key=lambda index: requested[index], reverse=True)[:NUM_SHARDS]
        shards = [_requested(visit, ref, index, requested[index]) for index in newest]
        return readers.has_readers(ref), shards
    except redis.RedisError:
        return None, []


def _requested(visit: Visit, ref: StreamRef, index: int, at: datetime) -> Requested:
    shard = StreamShardRef(stream=ref, index=index)
    return Requested(index, at, on_demand.find(visit.services, STREAM_SHARDS, shard))


def _is_read(visit: Visit, stream_id: str) -> bool:
    """Return whether a stream is read now; False without Redis."""
    try:
        readers = StreamReaders(visit.services.ledger)
        return readers.has_readers(StreamRef(tenant=visit.tenant, id=stream_id))
    except redis.RedisError:
        return False
