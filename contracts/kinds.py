"""The kinds of job, one row each, and the registry that is derived from the rows.

To add a kind, write its request and manifest (`contracts/`), its worker function (`workers/`) and its endpoints
(`app/`), then add its row to `KINDS`. Functions and endpoints are dotted strings, because neither the app nor this
package may import a worker. Each process checks at its start that its functions or endpoints exist.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol, Self, get_args, get_type_hints

from contracts.batches import BatchManifest, BatchRequest
from contracts.errors.tree import NotFound
from contracts.evaluations.evaluation import EvaluationManifest, EvaluationRequest
from contracts.exports import ExportRef
from contracts.fits.fit import FitManifest, FitRequest
from contracts.generators.generator import GeneratorManifest, GeneratorRequest
from contracts.generators.inverters import InverterManifest, InverterRequest
from contracts.generators.sheets import SheetRef
from contracts.generators.training import MAX_TRAINING
from contracts.ids import RqId, plural_of, prefix_of
from contracts.jobs import JobManifest, JobRef, Request, ShardRef
from contracts.kind_checks import check_row
from contracts.labelings import LabelingManifest, LabelingRequest
from contracts.streams import ShardOwner, StreamShardRef

QueueName = Literal["fit", "generate", "cpu", "train", "evaluate"]
QUEUE_NAMES: tuple[QueueName, ...] = get_args(QueueName)
"""Each worker process serves one of them."""

OPTIONAL_QUEUES: tuple[QueueName, ...] = ("train", "evaluate")
"""Without a worker of these, a service is ready: their jobs wait."""

RETENTION = timedelta(days=7)
"""How long Redis keeps the data of a job: waiting entries of RQ and our own expire together."""


class Argument(Protocol):
    """The argument of a worker function: a job or a stream, or a part of one. It crosses the queue as text."""

    @property
    def owner(self) -> ShardOwner:
        """The job or the stream."""

    @property
    def part(self) -> str:
        """The part of the owner; empty for the whole."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the argument in the text that `str` returns."""


@dataclass(frozen=True)
class Task:
    """A type of work: how it is queued, and its worker functions.

    Args:
        function: the worker function `(machine, argument, attempt)`, dotted.
        queue: the queue, or a function of the job's request that chooses one.
        timeout: RQ ends the work after this time.
        argument: what the function works on.
        part: distinguishes the entries of two tasks with the same argument.
        does: whether this task does the job of a request, if the first tasks of the kind do not.
        on_failure: the function `(machine, argument, error)` that is called after the last retry, dotted.
        retry_after: the wait before each retry.
        ttl: how long Redis keeps an entry.
        former_queues: where older versions queued it. Entries there are still run.
    """

    function: str
    queue: QueueName | Callable[[Any], QueueName]
    timeout: timedelta
    argument: type[Argument] = JobRef
    part: str = ""
    does: Callable[[Any], bool] = lambda _: True
    on_failure: str = "workers.runtime.jobs.fail_for_good"
    retry_after: tuple[timedelta, ...] = (timedelta(seconds=10), timedelta(seconds=60))
    ttl: timedelta = RETENTION
    former_queues: tuple[QueueName, ...] = ()

    def queue_for(self, request: Request | None = None) -> QueueName:
        """Return the queue of an entry. A task that chooses by the request needs one."""
        return self.queue if isinstance(self.queue, str) else self.queue(request)

    def may_wait_in(self, queue: str) -> bool:
        """Return whether a queue may contain entries of this task."""
        if isinstance(self.queue, str):
            return queue in (self.queue, *self.former_queues)
        return queue in QUEUE_NAMES

    def rq_id(self, argument: Argument, number: int) -> RqId:
        """Return the id of an entry."""
        part = "-".join(filter(None, (self.part, argument.part)))
        return RqId(argument.owner.id, part, number)


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    Args:
        name: the prefix of its ids, the field `kind` of its request and manifest, and its singular in the API.
        request: what the app stores as `request.json`.
        manifest: what a worker stores as `manifest.json`.
        tasks: the types of work that its jobs queue. The first one that `does` a request does the job, as a whole or
            in parts.
        repair: the worker function `(machine, request, rq_ids, checked_at)` that repairs an unfinished job, dotted.
            None for a job that is one call: the reconciler queues it again when no queue contains it.
        end: the worker function `(machine, ref, manifest)` that returns the manifest of a job that failed or was
            cancelled, with the results that are finished, dotted. None for a job that has none.
        room: the module whose `router` is added to the app. Default: `app.{noun}.endpoints`.
    """

    name: str
    request: type[Request]
    manifest: type[JobManifest]
    tasks: tuple[Task, ...]
    repair: str | None = None
    end: str | None = None
    room: str = ""

    @property
    def noun(self) -> str:
        """The plural: a folder of the store and a path of the API."""
        return plural_of(self.name)

    def task_for(self, request: Request) -> Task:
        """Return the task that does the job of a request."""
        return next(task for task in self.tasks if task.does(request))

    @property
    def endpoints(self) -> str:
        """The module of its endpoints."""
        return self.room or f"app.{self.noun}.endpoints"

    @property
    def id_type(self) -> Any:  # noqa: ANN401 - a type
        """The annotated type of its ids, as the request declares it."""
        return get_type_hints(self.request, include_extras=True)["id"]


SHARD = Task(
    "workers.rendering.batches.run_shard", "generate", timedelta(hours=1), argument=ShardRef
)
PILOT = Task("workers.rendering.batches.run_pilot", "generate", timedelta(hours=1), part="pilot")
EXPORT = Task(
    "workers.rendering.exports.run",
    "cpu",
    timedelta(hours=6),
    argument=ExportRef,
    part="export",
    on_failure="workers.rendering.exports.fail_for_good",
    retry_after=(timedelta(0), timedelta(seconds=10)),
)
SHEET = Task(
    "workers.rendering.sheets.run",
    "generate",
    timedelta(minutes=30),
    argument=SheetRef,
    part="sheet",
    on_failure="workers.rendering.sheets.fail_for_good",
    retry_after=(timedelta(0), timedelta(seconds=10)),
)
# A reader waits for it, so the first retry is immediate. There are many, so Redis keeps each for a short time.
STREAM_SHARD = Task(
    "workers.rendering.streams.run_shard",
    "generate",
    timedelta(hours=1),
    argument=StreamShardRef,
    on_failure="workers.rendering.streams.fail_for_good",
    retry_after=(timedelta(0), timedelta(seconds=10)),
    ttl=timedelta(hours=1),
)
SHARED_TASKS = (EXPORT,)
"""The tasks that work on jobs of several kinds: all other worker functions belong to one kind."""

OTHER_TASKS: Mapping[str, tuple[Task, ...]] = {"stream": (STREAM_SHARD,)}
"""The tasks that work on no job, by the prefix of the ids that they work on."""

GENERATOR = Kind(
    "generator",
    GeneratorRequest,
    GeneratorManifest,
    (
        Task(
            "workers.importing.imports.run",
            "cpu",
            timedelta(hours=2),
            does=lambda request: request.training is None,
        ),
        Task("workers.training.generators.run", "train", MAX_TRAINING),
        SHEET,
    ),
)
INVERTER = Kind(
    "inverter",
    InverterRequest,
    InverterManifest,
    # It takes hours, and fits must not wait behind it.
    (Task("workers.training.inverters.run", "train", timedelta(hours=48), former_queues=("fit",)),),
)
FIT = Kind(
    "fit",
    FitRequest,
    FitManifest,
    (Task("workers.fitting.fits.run", "fit", timedelta(hours=4)),),
)
BATCH = Kind(
    "batch",
    BatchRequest,
    BatchManifest,
    (SHARD, PILOT, EXPORT),
    repair="workers.rendering.batches.repair",
    end="workers.rendering.batches.keep_finished",
)
LABELING = Kind(
    "labeling",
    LabelingRequest,
    LabelingManifest,
    (Task("workers.labeling.labelings.run", "fit", timedelta(hours=48)), EXPORT),
)
EVALUATION = Kind(
    "evaluation",
    EvaluationRequest,
    EvaluationManifest,
    (Task("workers.evaluating.evaluations.run", "evaluate", timedelta(hours=48)),),
)
KINDS = (GENERATOR, INVERTER, FIT, BATCH, LABELING, EVALUATION)
"""All kinds, each after those that it depends on."""


class Kinds:
    """The registry: an immutable collection of kinds, and everything that is derived from it.

    Raises:
        ValueError: a row is incomplete or contradicts another one; the message says what to change.
    """

    def __init__(self, kinds: tuple[Kind, ...] = KINDS) -> None:
        for kind in kinds:
            check_row(kind.name, (kind.request, kind.manifest), kind.id_type, len(kind.tasks))
        self._by_name = {kind.name: kind for kind in kinds}
        if len(self._by_name) < len(kinds):
            names = ", ".join(kind.name for kind in kinds)
            raise ValueError(f"expected kinds with different names, got {names}; rename one")
        owned = {**OTHER_TASKS, **{kind.name: kind.tasks for kind in kinds}}
        self._tasks: dict[str, tuple[set[str], Task]] = {}
        for prefix, tasks in owned.items():
            for task in tasks:
                prefixes, known = self._tasks.setdefault(task.function, (set(), task))
                if known is not task or (prefixes and task not in SHARED_TASKS):
                    raise ValueError(
                        f"expected one task for each worker function, got two for {task.function};"
                        " write a function for each"
                    )
                prefixes.add(prefix)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_name.values())

    def of(self, ref: JobRef) -> Kind:
        """Return the kind of a job. Raises `NotFound` when its kind is not registered."""
        kind = self._by_name.get(ref.kind)
        if kind is None:
            raise NotFound(ref.kind, ref.id)
        return kind

    @property
    def listed_nouns(self) -> tuple[str, ...]:
        """The nouns of all resources that can be listed, and leave a tombstone when they are deleted."""
        return (*(kind.noun for kind in self), "labelsets", "streams")

    @property
    def functions(self) -> tuple[str, ...]:
        """All worker functions of the rows, dotted."""
        functions = [task.function for _, task in self._tasks.values()]
        functions += [task.on_failure for _, task in self._tasks.values()]
        functions += [one for kind in self for one in (kind.repair, kind.end) if one is not None]
        return tuple(dict.fromkeys(functions))

    def task_of(self, function: object) -> Task | None:
        """Return the task of a worker function, or None when no task has it."""
        return self._tasks[function][1] if function in self._tasks else None

    def parse_argument(self, function: str, text: str) -> Argument:
        """Return the argument of a queued call.

        Raises:
            ValueError: the text is not an argument of this function (also as pydantic's `ValidationError`).
            KeyError: no task has this function.
        """
        prefixes, task = self._tasks[function]
        argument = task.argument.parse(text)
        if prefix_of(argument.owner.id) not in prefixes:
            owners = " or ".join(sorted(prefixes))
            raise ValueError(f"expected the id of a {owners}, got {argument.owner.id!r}")
        return argument
