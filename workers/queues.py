"""Puts calls into RQ's queues, each with the timeout, the lives and the time to keep that the table gives it."""

import redis
from rq import Queue, Retry
from rq.serializers import JSONSerializer

from contracts.queues import RETENTION, Call, QueueName


def open_queue(connection: "redis.Redis", name: QueueName) -> Queue:
    """One of our queues. JSON, never pickle: what is read from Redis must not run."""
    return Queue(name, connection=connection, serializer=JSONSerializer)


def put(connection: "redis.Redis", call: Call, *, at_front: bool = False) -> None:
    """Queues one call. A finished job leaves nothing behind: the store knows what came of it."""
    plan = call.plan
    waits = [int(wait.total_seconds()) for wait in plan.retry_after]
    open_queue(connection, plan.queue).enqueue_call(
        plan.function,
        args=(call.argument,),
        job_id=call.rq_id,
        timeout=int(plan.timeout.total_seconds()),
        ttl=int(RETENTION.total_seconds()),
        failure_ttl=int(RETENTION.total_seconds()),
        result_ttl=0,
        retry=Retry(max=len(waits), interval=waits),
        at_front=at_front,
    )
