"""The pages that all kinds of job share: a list, one job with its live progress, and cancel and delete.

Each kind adds its own facts and its own template. All decisions are those of `app/jobs/service.py`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Query, Response

from app.http.paging import Page
from app.http.requests import Exchange
from app.jobs import service
from app.jobs.service import JobState
from app.services import Services
from app.ui.forms import FieldsDep
from app.ui.routing import see
from app.ui.visits import Visit, VisitDep
from contracts.errors.tree import NotFound
from contracts.ids import owner_of
from contracts.jobs import JobEnvelope, JobRef, JobStatus
from contracts.kinds import Kind

V = TypeVar("V", bound=JobEnvelope[Any])

PAGE_SIZE = 20
_ID = re.compile(r"[a-z][a-z0-9]{0,30}_[0-9a-f]{32}|[a-z0-9][a-z0-9-]{0,62}")

AfterQuery = Annotated[str | None, Query()]
StatusQuery = Annotated[str, Query()]
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One job in a list: its name, and some facts."""

    job: JobEnvelope[Any]
    name: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class JobPages(Generic[V]):
    """The pages of one kind: its name, the text of its list and of an empty one, and what its page shows.

    `row` returns the name of a job and its facts for a list. `facts` returns further values for its template.
    """

    kind: Kind
    title: str
    about: str
    empty: str
    show: Callable[[JobState, Exchange], V]
    row: Callable[[V], tuple[str, tuple[str, ...]]]
    facts: Callable[[Visit, V], Facts] = lambda _visit, _view: {}
    delete: Callable[[Services, JobRef], None] = service.delete

    @property
    def noun(self) -> str:
        return self.kind.noun

    def find(self, visit: Visit, job_id: str) -> V:
        """Return the view of a job. Raises `NotFound` or `Gone`."""
        ref = ref_of(visit, self.kind, job_id)
        return self.show(service.find(visit.services, ref), visit.exchange)

    def rows(
        self, visit: Visit, *, limit: int, after: str | None = None, status: JobStatus | None = None
    ) -> Page[Any]:
        """Return a page of the list, newest first."""

        def show(state: JobState) -> Row:
            view = self.show(state, visit.exchange)
            return Row(view, *self.row(view))

        return service.list_page(
            visit.services,
            visit.tenant,
            self.kind.name,
            limit=limit,
            after=after,
            status=status,
            show=show,
        )

    def add_to(self, router: APIRouter) -> None:
        """Add the pages to a router."""
        self._add_reads(router)
        self._add_changes(router)

    def _add_reads(self, router: APIRouter) -> None:
        @router.get(f"/ui/{self.noun}", name=f"ui_list_{self.noun}")
        def list_jobs(
            visit: VisitDep, after: AfterQuery = None, status: StatusQuery = ""
        ) -> Response:
            chosen = JobStatus(status) if status in set(JobStatus) else None
            page = self.rows(visit, limit=PAGE_SIZE, after=after or None, status=chosen)
            return visit.page(
                "jobs/list.html",
                pages=self,
                page=page,
                chosen=chosen,
                statuses=tuple(JobStatus),
            )

        @router.get(f"/ui/{self.noun}/{{job_id}}", name=f"ui_{self.kind.name}")
        def show_job(job_id: str, visit: VisitDep) -> Response:
            view = self.find(visit, job_id)
            name, _ = self.row(view)
            return visit.page(
                f"jobs/{self.kind.name}.html",
                pages=self,
                job=view,
                name=name,
                **self.facts(visit, view),
            )

        @router.get(f"/ui/{self.noun}/{{job_id}}/progress", name=f"ui_{self.kind.name}_progress")
        def show_progress(job_id: str, visit: VisitDep) -> Response:
            view = self.find(visit, job_id)
            answer = visit.page("jobs/progress.html", pages=self, job=view)
            if view.status.is_terminal:  # the page has more to show now
                answer.headers["HX-Refresh"] = "true"
            return answer

    def _add_changes(self, router: APIRouter) -> None:
        @router.post(f"/ui/{self.noun}/{{job_id}}/cancel", name=f"ui_cancel_{self.kind.name}")
        def cancel_job(job_id: str, visit: VisitDep, _: FieldsDep) -> Response:
            service.cancel(visit.services, ref_of(visit, self.kind, job_id))
            return see(f"/ui/{self.noun}/{job_id}")

        @router.get(f"/ui/{self.noun}/{{job_id}}/delete", name=f"ui_ask_delete_{self.kind.name}")
        def ask(job_id: str, visit: VisitDep) -> Response:
            view = self.find(visit, job_id)
            name, _ = self.row(view)
            back = f"/ui/{self.noun}/{job_id}"
            return visit.page("delete.html", noun=self.kind.name, name=name, back=back)

        @router.post(f"/ui/{self.noun}/{{job_id}}/delete", name=f"ui_delete_{self.kind.name}")
        def delete_job(job_id: str, visit: VisitDep, _: FieldsDep) -> Response:
            self.delete(visit.services, ref_of(visit, self.kind, job_id))
            return see(f"/ui/{self.noun}")


def ref_of(visit: Visit, kind: Kind, job_id: str) -> JobRef:
    """Return the reference of a visitor's job. Raises `NotFound` for text that is no id of the kind."""
    known = _ID.fullmatch(job_id)
    if known is None or JobRef(tenant=visit.tenant, id=job_id).kind != kind.name:
        raise NotFound(kind.name, job_id[:80])
    return JobRef(tenant=owner_of(visit.tenant, job_id), id=job_id)
