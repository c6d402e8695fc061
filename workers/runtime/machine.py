"""The machine that jobs run on: settings, store, ledger, queue connection, device, warm networks and pulse."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import redis
import torch

from contracts.kinds import KINDS, Kind, Kinds
from state.admission.admission import Admission
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from state.usage.meter import UsageMeter
from workers.codecs.registry import TASKS
from workers.codecs.task import TaskCodec
from workers.families.family import Family
from workers.runtime.loading import NetworkLoader
from workers.runtime.micro_batches import MicroBatches
from workers.runtime.pulse import Pulse
from workers.runtime.warm import WarmNetworks


@dataclass(frozen=True)
class Machine:
    """The first argument of every worker function. `families` are those of the generators that it serves."""

    settings: Settings
    store: Store
    ledger: Ledger
    redis: "redis.Redis"
    device: torch.device
    networks: WarmNetworks
    micro_batches: MicroBatches
    pulse: Pulse
    families: tuple[Family, ...]
    kinds: Kinds = Kinds()  # noqa: RUF009 - immutable
    tasks: Sequence[TaskCodec] = TASKS
    usage: UsageMeter = field(default_factory=UsageMeter)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        families: Sequence[Family],
        kinds: tuple[Kind, ...] = KINDS,
        tasks: Sequence[TaskCodec] = TASKS,
    ) -> Self:
        """Open store, Redis and device of the settings. RQ gets a separate connection: it reads bytes and blocks."""
        url = settings.redis_url.get_secret_value()
        device = choose_device(settings.device)
        memory_bytes = settings.micro_batch_memory_bytes if device.type == "cpu" else None
        return cls(
            settings=settings,
            store=Store.from_settings(settings),
            ledger=Ledger.connect(url),
            redis=redis.Redis.from_url(url),
            device=device,
            networks=WarmNetworks(settings.max_warm_bytes),
            micro_batches=MicroBatches(settings.micro_batch, memory_bytes),
            pulse=Pulse(),
            families=tuple(families),
            kinds=Kinds(kinds),
            tasks=tasks,
        )

    @property
    def admission(self) -> Admission:
        """What waits before RQ's queues."""
        return Admission(self.ledger, self.redis, self.kinds, self.settings.heartbeat_fresh)

    @property
    def device_class(self) -> str:
        """The kind of device whose seconds are counted: the model of an accelerator, or `cpu`."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return self.device.type

    @property
    def loader(self) -> NetworkLoader:
        """Loads networks of the store onto the device."""
        return NetworkLoader(self.store, self.device, self.networks)


def choose_device(name: str) -> torch.device:
    """Return the device called `name`. `auto` is an accelerator if the machine has one, else the CPU."""
    if name != "auto":
        return torch.device(name)
    # Unchecked, a build of torch for CUDA names `cuda` also on a machine without a GPU.
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
