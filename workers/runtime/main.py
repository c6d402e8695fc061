"""Where a worker process begins: settings, log, threads, machine; then one queue, or the reconciler, until stopped."""

import argparse
import os

import torch

from contracts.kinds import QUEUE_NAMES, QueueName
from state.logs import configure_logs
from state.private_files import keep_files_private
from state.settings import Settings
from state.spooling import sweep
from workers.importing.builtin import publish_all
from workers.runtime.machine import Machine
from workers.runtime.worker import Worker
from workers.upkeep.reconcile import Reconciler

RECONCILE = "reconcile"


def main() -> None:
    """Read the command line and the environment, and work."""
    queue = _parse_queue()
    settings = Settings()
    keep_files_private()
    configure_logs(settings)
    _set_threads(settings)
    machine = Machine.from_settings(_suited(settings, queue))
    if queue is None:
        Reconciler(machine).run()
    else:
        sweep()
        publish_all(machine)
        Worker(queue, machine).run()


def _parse_queue() -> QueueName | None:
    """The queue to work on; None asks for the reconciler."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument(
        "queue", choices=[*QUEUE_NAMES, RECONCILE], help="one queue, or the reconciler"
    )
    chosen = parser.parse_args().queue
    return None if chosen == RECONCILE else chosen


def _suited(settings: Settings, queue: QueueName | None) -> Settings:
    """The queue `cpu` leaves the accelerator to those that need it, also where it is there for the taking."""
    return settings.model_copy(update={"device": "cpu"}) if queue == "cpu" else settings


def _set_threads(settings: Settings) -> None:
    """Before the first tensor: torch would otherwise take every core of the machine, also those it may not use."""
    torch.set_num_threads(settings.cpu_threads or len(os.sched_getaffinity(0)))
