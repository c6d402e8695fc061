"""Starts a worker process (settings, log, threads, machine), which serves one queue or reconciles until stopped.

Or it is the doctor, which checks the device and ends.
"""

import argparse
import os
from collections.abc import Sequence
from typing import Literal

import torch

from contracts.kinds import KINDS, QUEUE_NAMES, Kind, QueueName
from state.process.logs import configure_logs
from state.process.private_files import keep_files_private
from state.process.spooling import sweep
from state.process.tracing import configure_tracing
from state.settings import Settings
from workers.codecs.content_credentials import SigningFailed, open_signer
from workers.families.family import Family
from workers.families.table import FAMILIES
from workers.importing.builtin import publish_all
from workers.runtime.functions import check_functions
from workers.runtime.machine import Machine
from workers.runtime.metrics import publish
from workers.runtime.worker import Worker
from workers.upkeep import doctor
from workers.upkeep.device_memory import limit_device_memory
from workers.upkeep.reconcile import Reconciler

RECONCILE: Literal["reconcile"] = "reconcile"
DOCTOR: Literal["doctor"] = "doctor"


def main(kinds: tuple[Kind, ...] = KINDS, families: Sequence[Family] = FAMILIES) -> None:
    """Read the command line and the environment, and work until stopped."""
    chosen = _parse_word()
    if chosen == "doctor":
        doctor.main()
        return
    queue: QueueName | None = None if chosen == "reconcile" else chosen
    settings = Settings()
    keep_files_private()
    configure_logs(settings)
    configure_tracing(f"handsoff-{chosen}")
    _set_threads(settings)
    machine = Machine.from_settings(_suited(settings, queue), families, kinds)
    check_functions(machine.kinds)
    if queue == "cpu":  # makes the exports
        _check_signing(settings)
    limit_device_memory(machine.device, settings.device_memory_bytes, settings.max_warm_bytes)
    publish(settings)
    if queue is None:
        Reconciler(machine).run()
    else:
        sweep()
        publish_all(machine)
        Worker(queue, machine).run()


def _parse_word() -> QueueName | Literal["reconcile", "doctor"]:
    """Return what this process is: the worker of a queue, the reconciler, or the doctor."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument(
        "queue",
        choices=[*QUEUE_NAMES, RECONCILE, DOCTOR],
        help="one queue, the reconciler, or the doctor, which checks the device and its kernels",
    )
    chosen: QueueName | Literal["reconcile", "doctor"] = parser.parse_args().queue
    return chosen


def _check_signing(settings: Settings) -> None:
    """End the process with one line if images of exports cannot be signed, as the settings require."""
    try:
        signer = open_signer(settings)
        if signer is not None:
            signer.check()
    except SigningFailed as error:
        raise SystemExit(f"Exports cannot be signed. {error}") from None


def _suited(settings: Settings, queue: QueueName | None) -> Settings:
    """Return the settings for a queue. Workers of the queue `cpu` leave the accelerator to the other queues."""
    return settings.model_copy(update={"device": "cpu"}) if queue == "cpu" else settings


def _set_threads(settings: Settings) -> None:
    """Set torch's threads before the first tensor. Its default is all cores, also those it may not use."""
    torch.set_num_threads(settings.cpu_threads or len(os.sched_getaffinity(0)))
