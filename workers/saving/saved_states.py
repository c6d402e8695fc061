"""The states of a job's computations in its scratch folder: the next attempt continues from them.

All attempts share their keys. They are deleted when the job ends. A damaged state, or one of another computation, is
logged and left out: the computation starts again.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from safetensors import SafetensorError
from torch import Tensor

from contracts.errors.tree import StoreUnavailable
from models.serialization import pack, unpack
from models.states import Resumption, State, StateRefused
from state import keys, records
from state.store import Store
from workers.runtime.jobs import Deleted, Overtaken, Run
from workers.saving.save_timer import SaveTimer

log = structlog.get_logger()

T = TypeVar("T")
OnStep = Callable[[int, int], None]

INTERVAL = timedelta(seconds=5)
"""Of saving; `keep_interval` if that is shorter. A fit takes minutes, so a minute of it would be too much to lose."""
LONGEST_SHARE = 0.005
"""Of the time, at most, is spent on saving."""
DIGEST_BYTES = 32


class SavedStates:
    """The saved states of one attempt at a job. One timer for all: they are computed one after the other."""

    def __init__(self, run: Run) -> None:
        self._run = run
        interval = min(INTERVAL, run.machine.settings.keep_interval)
        self._timer = SaveTimer(interval, LONGEST_SHARE)

    def of(self, name: str) -> "SavedState":
        """Return the saved state of one computation."""
        return SavedState(self._run, name, self._timer)


class SavedState:
    """The saved state of one computation. Implements `models.states.Keep`."""

    def __init__(self, run: Run, name: str, timer: SaveTimer) -> None:
        self._run, self._timer = run, timer
        self._store = run.machine.store
        self._key = f"{keys.job_scratch(run.ref)}/{name}.state"

    def __call__(self, read: Callable[[], State], *, is_last: bool = False) -> None:
        """Save the state if it is due, if it is the last one, or if the worker is about to stop."""
        if is_last or self._timer.is_due or self.is_stopping:
            self.save(read())

    @property
    def is_stopping(self) -> bool:
        """Whether the worker was asked to stop: the next step ends the job."""
        return self._run.machine.pulse.is_draining

    def found_first(self, on_step: OnStep) -> OnStep:
        """Return the callback; its first step reports work that was found (`Run.found_first`)."""
        return self._run.found_first(on_step)

    def resume(self, work: Callable[[Resumption, OnStep], T], on_step: OnStep) -> T:
        """Return the result of `work`, which continues from the saved state, if there is one.

        The first step that it reports is then that of the state.
        """
        state = self.read()
        if state is not None:
            try:
                return work(Resumption(state, self), self._run.found_first(on_step))
            except StateRefused as error:
                log.warning("saved state left out", key=self._key, reason=str(error))
        return work(Resumption(None, self), on_step)

    def read(self) -> dict[str, Tensor] | None:
        """Return the state that this or an earlier attempt has saved; None without one, or if it is damaged."""
        return read_checked(self._store, self._key)

    def save(self, state: State) -> None:
        """Save a state. A store that fails does not fail the computation.

        Raises `Deleted` or `Overtaken` for a job that needs no state any more.
        """
        ref = self._run.ref
        if records.is_deleted(self._store, ref):
            raise Deleted
        if records.has_ended(self._store, ref):
            raise Overtaken
        try:
            with self._timer.saving():
                self._store.put(self._key, checked(state))
        except StoreUnavailable as error:
            log.warning("state not saved", key=self._key, error=str(error))
        else:
            self._run.machine.ledger.record_saved_work(ref)

    def discard(self) -> None:
        """Delete the state: its computation has ended, and the result is stored elsewhere."""
        self._store.delete(self._key)


def checked(state: State) -> bytes:
    """Return a state as bytes, behind their digest."""
    data = pack(dict(state))
    return hashlib.sha256(data).digest() + data


def read_checked(store: Store, key: str) -> dict[str, Tensor] | None:
    """Return the state at a key. None without one; a damaged one is logged."""
    try:
        data = store.get(key)
    except FileNotFoundError:
        return None
    digest, content = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
    try:
        if hashlib.sha256(content).digest() == digest:
            return unpack(content)
    except SafetensorError:
        pass
    log.warning("damaged state left out", key=key, num_bytes=len(data))
    return None
