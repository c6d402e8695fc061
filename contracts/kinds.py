"""The queues of the service. Each worker process serves one."""

from typing import Literal

QueueName = Literal["fit", "generate", "cpu"]
QUEUE_NAMES: tuple[QueueName, ...] = ("fit", "generate", "cpu")
