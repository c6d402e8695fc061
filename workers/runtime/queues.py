"""Puts calls into RQ's queues, each with the timeout, the lives and the time to keep that the table gives it."""

import redis
from rq import Queue, Retry
from rq.serializers import JSONSerializer

from contracts.kinds import QueueName
from state.queues import Call


def open_queue(connection: "redis.Redis", name: QueueName) -> Queue:
    """One of our queues. JSON, never pickle: what is read from Redis must not run."""
    return Queue(name, connection=connection, serializer=JSONSerializer)


def put(connection: "redis.Redis", call: Call) -> None:
    """Adds a call to the end of its queue."""
    waits = call.retry_seconds
    queue = open_queue(connection, call.plan.queue)
    queue.enqueue_call(**call.enqueue_options(), retry=Retry(max=len(waits), interval=waits))
