"""Promises of the registry of kinds: it derives the rest from the rows, and refuses rows that cannot work."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from contracts.errors.tree import NotFound
from contracts.ids import DEFAULT_TENANT, id_pattern, new_id
from contracts.jobs import JobManifest, JobRef, Request
from contracts.kinds import BATCH, FIT, KINDS, SHARD, Kind, Kinds, Task


class ToyRequest(Request):
    """A request that is complete."""

    kind: Literal["toy"] = "toy"
    id: Annotated[str, Field(pattern=id_pattern("toy"))]
    is_large: bool = False


class ToyManifest(JobManifest):
    """A manifest that is complete."""

    kind: Literal["toy"] = "toy"


class Nameless(Request):
    """A request that does not say which kind it is."""


class WrongId(Request):
    """A request whose ids have another prefix."""

    kind: Literal["toy"] = "toy"
    id: Annotated[str, Field(pattern=id_pattern("top"))]


TASK = Task(
    "workers.toys.run",
    queue=lambda request: "fit" if request.is_large else "cpu",
    timeout=timedelta(hours=1),
)
TOY = Kind("toy", ToyRequest, ToyManifest, (TASK,))


def test_a_job_has_its_kind() -> None:
    """From a reference the registry finds the row."""
    assert Kinds().of(JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))) is BATCH


def test_a_job_of_an_unknown_kind_is_not_found() -> None:
    """Its id is well-formed, so only the registry can refuse it."""
    toy = JobRef(tenant=DEFAULT_TENANT, id=new_id("toy"))
    with pytest.raises(NotFound):
        Kinds().of(toy)
    assert Kinds((*KINDS, TOY)).of(toy) is TOY


def test_the_nouns_follow() -> None:
    """What can be listed includes the jobs of every kind."""
    assert Kinds((TOY,)).listed_nouns == ("toys", "labelsets", "streams")
    assert TOY.endpoints == "app.toys.endpoints"


def test_the_queue_may_depend_on_the_request() -> None:
    """A large toy needs another worker than a small one; both are known."""
    own = {"tenant": DEFAULT_TENANT, "id": new_id("toy"), "created_at": "2026-01-01T00:00:00Z"}
    queues = [TASK.queue_for(ToyRequest(**own, is_large=large)) for large in (False, True)]
    assert queues == ["cpu", "fit"]
    assert all(TASK.may_wait_in(queue) for queue in queues)
    assert not TASK.may_wait_in("elsewhere")
    assert not SHARD.may_wait_in("cpu")


def test_an_argument_of_another_kind_is_refused() -> None:
    """A function of fits works on fits and nothing else."""
    with pytest.raises(ValueError, match="expected the id of a fit"):
        Kinds().parse_argument(FIT.task.function, f"{DEFAULT_TENANT}/{new_id('batch')}")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no prefix": ({"name": "my_toy"}, "rename the kind"),
    "the name of something else": ({"name": "stream"}, "rename the kind"),
    "a request without a kind": ({"request": Nameless}, "add the field"),
    "a manifest of another kind": ({"manifest": FIT.manifest}, "add the field"),
    "ids of another kind": ({"request": WrongId}, 'id_pattern\\("toy"\\)'),
    "no task": ({"tasks": ()}, "add one to its row"),
    "the function of another kind": ({"tasks": FIT.tasks}, "write a function for each"),
}


@pytest.mark.parametrize(("changes", "advice"), WRONG.values(), ids=WRONG)
def test_a_row_that_cannot_work_is_refused(changes: dict[str, Any], advice: str) -> None:
    """The message says what to do."""
    with pytest.raises(ValueError, match=advice):
        Kinds((*KINDS, replace(TOY, **changes)))


def test_a_name_twice_is_refused() -> None:
    """One of them would never be found."""
    with pytest.raises(ValueError, match="rename one"):
        Kinds((TOY, replace(TOY, tasks=(replace(TASK, function="workers.toys.run_again"),))))
