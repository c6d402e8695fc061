"""What can be done with every kind of job: look, list, wait for its end, cancel, delete, read its events."""

import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Generic, TypeVar

from handsoff_client.errors import WaitTimeout
from handsoff_client.http.operations import JobOperations
from handsoff_client.http.shapes import parse
from handsoff_client.http.transport import Transport
from handsoff_client.nouns.resources import Event, Job, Page

J_co = TypeVar("J_co", bound=Job, covariant=True)
T = TypeVar("T")

Watch = Callable[[Job], None]
"""Is shown every answer while a job is waited for; `progress.bar` makes one that draws."""

LOOK_SECONDS = 2
"""How long one request waits at the service for the end: how often the progress is new."""

ITEMS_ON_A_PAGE = 100
EVENTS_ON_A_PAGE = 1_000
"""The most that the service gives at once."""


def walk(ask: Callable[[dict[str, Any]], Page[T]], limit: int | None) -> Iterator[T]:
    """Every item of a list of the service, page after page, at most `limit`; pages are asked for as they are needed."""
    left, after = limit, None
    while left is None or left > 0:
        most = min(left or ITEMS_ON_A_PAGE, ITEMS_ON_A_PAGE)
        page = ask({"limit": most} | ({"after": after} if after else {}))
        yield from page.items
        after = page.next_cursor
        left = None if left is None else left - len(page.items)
        if not page.has_more:
            return


def page_of(kind: type[T], data: Any) -> Page[T]:  # noqa: ANN401 - JSON
    """A page of `kind` out of its JSON."""
    found = parse(Page, data)
    return Page(tuple(parse(kind, item) for item in found.items), found.has_more, found.next_cursor)


class Jobs(Generic[J_co]):
    """The jobs of one kind."""

    def __init__(self, transport: Transport, operations: JobOperations, kind: type[J_co]) -> None:
        self._transport = transport
        self._operations = operations
        self._kind = kind

    def get(self, job_id: str) -> J_co:
        """One job as it stands."""
        return self._parse(self._transport.call(self._operations.get, job_id))

    def list(self, *, status: str | None = None, limit: int | None = None) -> Iterator[J_co]:
        """The jobs, newest first."""
        chosen = {"status": status} if status else {}

        def ask(params: dict[str, Any]) -> Page[J_co]:
            found = self._transport.call(self._operations.list, params=params | chosen)
            return page_of(self._kind, found)

        return walk(ask, limit)

    def wait(
        self, job_id: str, *, timeout: timedelta | None = None, watch: Watch | None = None
    ) -> J_co:
        """The job once it has succeeded; `watch` is shown every answer until then.

        Raises `JobFailed` or `JobCancelled` when it ends otherwise, `WaitTimeout` when it has not ended in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
        while True:
            begun = time.monotonic()
            left = LOOK_SECONDS if deadline is None else max(0.0, deadline - begun)
            seconds = math.ceil(min(LOOK_SECONDS, left))
            prefer = {"Prefer": f"wait={seconds}"}
            job = self._parse(self._transport.call(self._operations.get, job_id, headers=prefer))
            if watch:
                watch(job)
            if job.has_ended:
                job.raise_for_status()
                return job
            if left <= 0:
                raise WaitTimeout(f"{job_id} is still {job.status} after {timeout}; it goes on.")
            # A proxy may have taken the preference out: ask no more often for that.
            self._transport.retries.sleep(max(0.0, begun + seconds - time.monotonic()))

    def cancel(self, job_id: str) -> J_co:
        """Asks the job to stop; one that has ended stays as it is."""
        return self._parse(self._transport.call(self._operations.cancel, job_id))

    def delete(self, job_id: str) -> None:
        """Erases a job that has ended, and what it made. Raises `JobNotFinished` for one that runs."""
        self._transport.call(self._operations.delete, job_id)

    def events(self, job_id: str, *, after: str | None = None) -> Iterator[Event]:
        """What has happened to the job so far, oldest first."""
        while True:
            params = {"limit": EVENTS_ON_A_PAGE} | ({"after": after} if after else {})
            found = self._transport.call(self._operations.events, job_id, params=params)["items"]
            if not found:
                return
            yield from (parse(Event, item) for item in found)
            after = found[-1]["id"]

    def _create(self, of: str = "", /, **body: Any) -> J_co:  # noqa: ANN401 - JSON
        """Makes a job, `of` a thing where the path names one; what is None is left to the service's own default."""
        given = {name: value for name, value in body.items() if value is not None}
        return self._parse(self._transport.call(self._operations.create, of, json=given))

    def _parse(self, data: Any) -> J_co:  # noqa: ANN401 - JSON
        return parse(self._kind, data)
