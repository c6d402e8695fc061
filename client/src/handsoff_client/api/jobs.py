"""The operations of every kind of job: get, list, wait, cancel, delete, events."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from handsoff_client.answers.costs import Validation
from handsoff_client.api.pages import items_of
from handsoff_client.api.resources import Event, Job
from handsoff_client.errors import InvalidAnswer, WaitTimeout
from handsoff_client.http.downloads import write_atomically
from handsoff_client.http.operations import JobOperations
from handsoff_client.http.parsing import parse
from handsoff_client.http.transport import Transport

J_co = TypeVar("J_co", bound=Job, covariant=True)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Watch = Callable[[Job], None]
"""A function that gets every answer during a wait. `progress.bar` creates one that draws a progress bar."""

Targets = Sequence[Mapping[str, object]]
"""What the images must show, such as `[{"kind": "presence", "class_name": "hat", "images": 0.4}]`."""

ConditionChoice = int | Sequence[int] | Mapping[int, float]
"""The classes of a class-conditional generator: one, several with equal shares, or a weight for each."""

POLL_SECONDS = 2
"""How long the service holds one request of `wait`: the interval of progress updates."""

EVENTS_ON_A_PAGE = 1_000
"""The maximum of the service."""


def without_none(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the fields that are not None. The service has a default for the others."""
    return {name: value for name, value in fields.items() if value is not None}


def filter_by(drop_share: float | None) -> dict[str, float] | None:
    """Return the filter of a request that drops this share of the most uncertain candidates."""
    return None if drop_share is None else {"drop_share": drop_share}


def condition_of(condition: ConditionChoice | None) -> object:
    """Return the condition of a request as JSON. A mapping's keys become text."""
    if isinstance(condition, Mapping):
        return {str(number): weight for number, weight in condition.items()}
    return condition if condition is None or isinstance(condition, int) else list(condition)


class Jobs(Generic[J_co]):
    """The jobs of one kind."""

    def __init__(self, transport: Transport, operations: JobOperations, kind: type[J_co]) -> None:
        self._transport = transport
        self._operations = operations
        self._kind = kind

    def get(self, job_id: str) -> J_co:
        """Return the current state of a job."""
        return self._parse(self._transport.call(self._operations.get, job_id))

    def list(self, *, status: str | None = None, limit: int | None = None) -> Iterator[J_co]:
        """Yield the jobs, newest first."""
        chosen = {"status": status} if status else {}
        return items_of(self._kind, self._transport, self._operations.list, limit=limit, **chosen)

    def wait(
        self, job_id: str, *, timeout: timedelta | None = None, watch: Watch | None = None
    ) -> J_co:
        """Wait until the job has succeeded, and return it. `watch` gets every answer until then.

        Raises `JobFailed` or `JobCancelled` when it ends otherwise, `WaitTimeout` when it does not end in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout.total_seconds()
        while True:
            start = time.monotonic()
            left = POLL_SECONDS if deadline is None else max(0.0, deadline - start)
            seconds = math.ceil(min(POLL_SECONDS, left))
            prefer = {"Prefer": f"wait={seconds}"}
            within = None if deadline is None else left
            answer = self._transport.call(
                self._operations.get, job_id, headers=prefer, within=within
            )
            job = self._parse(answer)
            if watch:
                watch(job)
            if job.has_ended:
                job.raise_for_status()
                return job
            if left <= 0:
                raise WaitTimeout(f"{job_id} is still {job.status} after {timeout}. It continues.")
            # A proxy may have removed the Prefer header. Do not poll more often then.
            self._transport.retries.sleep(max(0.0, start + seconds - time.monotonic()))

    def cancel(self, job_id: str) -> J_co:
        """Request the job to stop. A job that has ended does not change."""
        return self._parse(self._transport.call(self._operations.cancel, job_id))

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, and its results. Raises `JobNotFinished` for a running job."""
        self._transport.call(self._operations.delete, job_id)

    def events(self, job_id: str, *, after: str | None = None) -> Iterator[Event]:
        """Yield the events of the job so far, oldest first."""
        while True:
            params = {"limit": EVENTS_ON_A_PAGE} | ({"after": after} if after else {})
            events = self._transport.call(self._operations.events, job_id, params=params)["items"]
            if not events:
                return
            yield from (parse(Event, item) for item in events)
            after = events[-1]["id"]

    def _create(self, of: str = "", /, **body: Any) -> J_co:  # noqa: ANN401 - JSON
        """Create a job. `of` is the id in the path, if there is one. Fields that are None are not sent."""
        given = without_none(**body)
        return self._parse(self._transport.call(self._operations.create, of, json=given))

    def validate(self, of: str = "", /, **fields: Any) -> Validation:  # noqa: ANN401 - JSON
        """Return what a create with these fields of the API would store, and its predicted cost. Nothing is stored.

        `of` is the id in the path, if there is one. Raises `InvalidRequest` as the create would.
        """
        params, body = {"validate_only": "true"}, without_none(**fields)
        answer = self._transport.call(self._operations.create, of, json=body, params=params)
        return parse(Validation, answer)

    def _write_picture(self, url: str, job_id: str, target: Path | str) -> Path:
        """Write a PNG of a job to `target`. It replaces a file."""
        data = self._transport.read(url)
        if not data.startswith(PNG_SIGNATURE):
            raise InvalidAnswer(
                f"Expected a PNG as the sheet of {job_id}, got {len(data)} bytes of another type."
            )
        return write_atomically(Path(target), data)

    def _parse(self, data: Any) -> J_co:  # noqa: ANN401 - JSON
        return parse(self._kind, data)
