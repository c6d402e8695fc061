"""SIGTERM ends the reconciler between two steps, whichever thread gets it."""

import os
import signal
import threading
import time

import pytest

from tests.workers.scene import Scene
from workers.upkeep.reconcile import Reconciler
from workers.upkeep.stop_signal import StopSignal

pytestmark = pytest.mark.usefixtures("signals")

NUMBERS = [signal.SIGTERM, signal.SIGINT]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_noted_and_interrupts_nothing(number: int) -> None:
    """It does not end the process, raise, or end a sleep."""
    stop = StopSignal()
    assert not stop.arrives_within(0)
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    began = time.monotonic()
    assert stop.arrives_within(0.3)
    assert time.monotonic() - began >= 0.3
    assert stop.arrives_within(60)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_thread_that_ran_before_may_get_it(scene: Scene, number: int) -> None:
    """The reconciler ends, and removes itself from the list of reconcilers."""
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    assert thread.ident is not None
    threading.Timer(0.5, signal.pthread_kill, (thread.ident, number)).start()
    Reconciler(scene.machine).run()
    release.set()
    thread.join()
    assert scene.machine.ledger.count_reconcilers(scene.machine.settings.heartbeat_fresh) == 0
