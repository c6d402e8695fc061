"""The routes of every kind of job: list, get, cancel, delete, and events as a list or a live stream.

Each room adds its own POST and further routes. Names of operations and parameters are derived from the kind.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.http.paging import Page
from app.http.requests import ExchangeDep, ServicesDep, WaitSeconds, tenant_of
from app.jobs import service
from app.jobs.endpoints import (
    EventPage,
    EventQuery,
    EventStream,
    JobQuery,
    Show,
    answer_cancel,
    answer_get,
    answer_list,
    list_events,
    live_events,
)
from app.services import Services
from contracts.ids import owner_of
from contracts.jobs import JobEnvelope, JobRef
from contracts.kinds import Kind

V = TypeVar("V", bound=JobEnvelope[Any])

RefOf = Callable[..., Awaitable[JobRef]]


@dataclass(frozen=True)
class JobTexts:
    """The descriptions of the shared operations in the OpenAPI document. `job` is the noun in "Cancel the ..."."""

    job: str
    list: str
    get: str
    delete: str


@dataclass(frozen=True)
class JobRoutes(Generic[V]):
    """The shared routes of one kind: its view, the functions that show and delete a job, and its texts.

    `prefix` is the first part of every path, if the router has none.
    """

    kind: Kind
    view: type[V]
    show: Show[V]
    texts: JobTexts
    delete: Callable[[Services, JobRef], None] = service.delete
    prefix: str = ""

    def add_to(self, router: APIRouter) -> None:
        """Add the routes to a router."""
        reference = ref_of(self.kind)
        self._add_reads(router, reference)
        self._add_changes(router, reference)
        self._add_events(router, reference)

    def _path(self, rest: str = "") -> str:
        return f"{self.prefix}/{{{self.kind.name}_id}}{rest}"

    def _add_reads(self, router: APIRouter, reference: RefOf) -> None:
        @router.get(
            self.prefix,
            name=f"list_{self.kind.noun}",
            description=self.texts.list,
            response_model=Page.__class_getitem__(self.view),
        )
        def list_jobs(exchange: ExchangeDep, query: Annotated[JobQuery, Query()]) -> Page[V]:
            return answer_list(exchange, self.kind.name, query, self.show)

        @router.get(
            self._path(),
            name=f"get_{self.kind.name}",
            description=self.texts.get,
            response_model=self.view,
        )
        async def get_job(
            ref: Annotated[JobRef, Depends(reference)],
            exchange: ExchangeDep,
            wait_seconds: WaitSeconds,
        ) -> V | Response:
            return await answer_get(exchange, ref, wait_seconds, self.show)

    def _add_changes(self, router: APIRouter, reference: RefOf) -> None:
        @router.post(
            self._path("/cancel"),
            name=f"cancel_{self.kind.name}",
            description=f"Cancel the {self.texts.job}. The answer is 202 while it stops, 200 if it had ended already.",
            status_code=HTTPStatus.ACCEPTED,
            response_model=self.view,
        )
        def cancel_job(ref: Annotated[JobRef, Depends(reference)], exchange: ExchangeDep) -> V:
            return answer_cancel(exchange, ref, self.show)

        @router.delete(
            self._path(),
            name=f"delete_{self.kind.name}",
            description=self.texts.delete,
            status_code=HTTPStatus.NO_CONTENT,
        )
        def delete_job(ref: Annotated[JobRef, Depends(reference)], services: ServicesDep) -> None:
            self.delete(services, ref)

    def _add_events(self, router: APIRouter, reference: RefOf) -> None:
        @router.get(
            self._path("/events"),
            name=f"list_{self.kind.name}_events",
            description=f"List the events of the {self.texts.job}, oldest first.",
        )
        def list_job_events(
            ref: Annotated[JobRef, Depends(reference)],
            services: ServicesDep,
            query: Annotated[EventQuery, Query()],
        ) -> EventPage:
            return list_events(services, ref, query)

        @router.get(
            self._path("/events/live"),
            name=f"follow_{self.kind.name}",
            description="Stream the events as server-sent events, as they happen. The stream resumes after"
            " `Last-Event-ID` and ends with `completed`.",
            response_class=EventSourceResponse,
        )
        async def follow_job(
            events: Annotated[EventStream, Depends(live_events(reference))],
        ) -> AsyncIterator[ServerSentEvent]:
            async for event in events:
                yield event


def ref_of(kind: Kind) -> RefOf:
    """Return the dependency that reads the reference of a job from the path."""

    async def reference(job_id: str, request: Request) -> JobRef:
        return JobRef(tenant=owner_of(await tenant_of(request), job_id), id=job_id)

    # FastAPI reads the type of the id from here, because it is known at run time only.
    reference.__annotations__["job_id"] = Annotated[kind.id_type, Path(alias=f"{kind.name}_id")]
    return reference
