"""The registry of kinds: everything that is derived from the rows, and the rows that it refuses."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from contracts.errors.tree import NotFound
from contracts.ids import DEFAULT_TENANT, id_pattern, new_id
from contracts.jobs import JobManifest, JobRef, Request
from contracts.kinds import BATCH, FIT, GENERATOR, INVERTER, KINDS, SHARD, Kind, Kinds, Task


class ToyRequest(Request):
    """A valid request."""

    kind: Literal["toy"] = "toy"
    id: Annotated[str, Field(pattern=id_pattern("toy"))]
    is_large: bool = False


class ToyManifest(JobManifest):
    """A valid manifest."""

    kind: Literal["toy"] = "toy"


class Nameless(Request):
    """A request without the field `kind`."""


class WrongId(Request):
    """A request whose ids have a different prefix."""

    kind: Literal["toy"] = "toy"
    id: Annotated[str, Field(pattern=id_pattern("top"))]


TASK = Task(
    "workers.toys.run",
    queue=lambda request: "fit" if request.is_large else "cpu",
    timeout=timedelta(hours=1),
)
TOY = Kind("toy", ToyRequest, ToyManifest, (TASK,))


def test_a_job_has_its_kind() -> None:
    """The registry finds the row of a reference."""
    assert Kinds().of(JobRef(tenant=DEFAULT_TENANT, id=new_id("batch"))) is BATCH


def test_a_job_of_an_unknown_kind_is_not_found() -> None:
    """Its id is valid, so only the registry can refuse it."""
    toy = JobRef(tenant=DEFAULT_TENANT, id=new_id("toy"))
    with pytest.raises(NotFound):
        Kinds().of(toy)
    assert Kinds((*KINDS, TOY)).of(toy) is TOY


def test_the_nouns_are_derived() -> None:
    """The resources that can be listed include the jobs of every kind."""
    assert Kinds((TOY,)).listed_nouns == ("toys", "labelsets", "streams")
    assert TOY.endpoints == "app.toys.endpoints"


def test_the_queue_may_depend_on_the_request() -> None:
    """A large toy is queued for another worker than a small one. An entry may wait in either queue."""
    fields = {"tenant": DEFAULT_TENANT, "id": new_id("toy"), "created_at": "2026-01-01T00:00:00Z"}
    queues = [TASK.queue_for(ToyRequest(**fields, is_large=large)) for large in (False, True)]
    assert queues == ["cpu", "fit"]
    assert all(TASK.may_wait_in(queue) for queue in queues)
    assert not TASK.may_wait_in("elsewhere")
    assert not SHARD.may_wait_in("cpu")


def test_trainings_have_another_queue_than_fits() -> None:
    """Fits do not wait behind them. An older version queued trainings of inverters with the fits; these still run."""
    trainings = (GENERATOR.tasks[1], INVERTER.tasks[0])
    assert {task.queue for task in trainings} == {"train"}
    assert [kind.name for kind in KINDS for task in kind.tasks if task.queue == "fit"] == [
        "fit",
        "labeling",
    ]
    assert INVERTER.tasks[0].may_wait_in("fit")
    assert not INVERTER.tasks[0].may_wait_in("generate")


def test_an_argument_of_another_kind_is_refused() -> None:
    """A function of fits works on fits only."""
    with pytest.raises(ValueError, match="expected the id of a fit"):
        Kinds().parse_argument(FIT.tasks[0].function, f"{DEFAULT_TENANT}/{new_id('batch')}")


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no prefix": ({"name": "my_toy"}, "rename the kind"),
    "the name of another resource": ({"name": "stream"}, "rename the kind"),
    "a request without a kind": ({"request": Nameless}, "add the field"),
    "a manifest of another kind": ({"manifest": FIT.manifest}, "add the field"),
    "ids of another kind": ({"request": WrongId}, 'id_pattern\\("toy"\\)'),
    "no task": ({"tasks": ()}, "add one to its row"),
    "the function of another kind": ({"tasks": FIT.tasks}, "write a function for each"),
}


@pytest.mark.parametrize(("changes", "advice"), INVALID.values(), ids=INVALID)
def test_an_invalid_row_is_refused(changes: dict[str, Any], advice: str) -> None:
    """The message says what to change."""
    with pytest.raises(ValueError, match=advice):
        Kinds((*KINDS, replace(TOY, **changes)))


def test_a_duplicate_name_is_refused() -> None:
    """Otherwise the registry would never return one of the rows."""
    with pytest.raises(ValueError, match="rename one"):
        Kinds((TOY, replace(TOY, tasks=(replace(TASK, function="workers.toys.run_again"),))))
