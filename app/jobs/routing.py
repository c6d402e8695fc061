"""The routes that jobs of every kind share: list, get, cancel, delete, and events as a page or as they happen.

A room adds its own POST and whatever else it has. Names of operations and parameters follow from the kind.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.http.paging import Page
from app.http.requests import ExchangeDep, ServicesDep, TenantDep, WaitSeconds
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
from contracts.jobs import JobEnvelope, JobRef
from contracts.kinds import Kind

V = TypeVar("V", bound=JobEnvelope[Any])

RefOf = Callable[..., Awaitable[JobRef]]


@dataclass(frozen=True)
class JobTexts:
    """Descriptions of the shared operations, for the description of the API. `job` completes "Ask the ... to stop"."""

    job: str
    list: str
    get: str
    delete: str


@dataclass(frozen=True)
class JobRoutes(Generic[V]):
    """What the shared routes of one kind need: its answer, how to show a job, how to delete one, and texts.

    `prefix` stands before every address, where the router does not have it.
    """

    kind: Kind
    view: type[V]
    show: Show[V]
    texts: JobTexts
    delete: Callable[[Services, JobRef], None] = service.delete
    prefix: str = ""

    def add_to(self, router: APIRouter) -> None:
        """Add the routes to the router of a room."""
        reference = ref_of(self.kind)
        self._add_reads(router, reference)
        self._add_changes(router, reference)
        self._add_events(router, reference)

    def _address(self, rest: str = "") -> str:
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
            self._address(),
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
            self._address("/cancel"),
            name=f"cancel_{self.kind.name}",
            description=f"Ask the {self.texts.job} to stop: 202 while it stops, 200 and unchanged when it had ended.",
            status_code=HTTPStatus.ACCEPTED,
            response_model=self.view,
        )
        def cancel_job(ref: Annotated[JobRef, Depends(reference)], exchange: ExchangeDep) -> V:
            return answer_cancel(exchange, ref, self.show)

        @router.delete(
            self._address(),
            name=f"delete_{self.kind.name}",
            description=self.texts.delete,
            status_code=HTTPStatus.NO_CONTENT,
        )
        def delete_job(ref: Annotated[JobRef, Depends(reference)], services: ServicesDep) -> None:
            self.delete(services, ref)

    def _add_events(self, router: APIRouter, reference: RefOf) -> None:
        @router.get(
            self._address("/events"),
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
            self._address("/events/live"),
            name=f"follow_{self.kind.name}",
            description="Send the same events as they happen, as server-sent events. Resumes after `Last-Event-ID`,"
            " ends with `completed`.",
            response_class=EventSourceResponse,
        )
        async def follow_job(
            events: Annotated[EventStream, Depends(live_events(reference))],
        ) -> AsyncIterator[ServerSentEvent]:
            async for event in events:
                yield event


def ref_of(kind: Kind) -> RefOf:
    """Return the dependency that reads the reference of a job from the address."""

    async def reference(job_id: str, tenant: TenantDep) -> JobRef:
        return JobRef(tenant=tenant, id=job_id)

    # The type of the ids is known at run time only: FastAPI reads it from here.
    reference.__annotations__["job_id"] = Annotated[kind.id_type, Path(alias=f"{kind.name}_id")]
    return reference
