"""Adds calls to RQ's queues and reports queue positions.

JSON is the serializer everywhere: with RQ's default, pickle, write access to Redis would allow code execution here.
"""

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry as RedisRetry
from rq import Queue, Retry
from rq.serializers import JSONSerializer

from contracts.jobs import JobRef
from contracts.kinds import QueueName
from state.queues import TASK_OF_KIND, TASKS, Call, job_id_of


class Queueing:
    """The app's side of the queues. Every method may raise `redis.RedisError`."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(
            redis_url,
            # A create waits for this connection, so it must fail within seconds.
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=RedisRetry(ExponentialBackoff(cap=0.5), retries=2),
        )

    def put(self, call: Call) -> None:
        """Append a call to its queue, with retries and finite TTLs."""
        intervals = call.retry_seconds
        queue = self._queue(call.plan.queue)
        queue.enqueue_call(
            **call.enqueue_options(), retry=Retry(max=len(intervals), interval=intervals)
        )

    def position(self, ref: JobRef) -> int | None:
        """Return the number of entries ahead of the job in its queue, or None if it is not queued."""
        queue = TASKS[TASK_OF_KIND[ref.kind]].queue
        for place, rq_id in enumerate(self._queue(queue).job_ids):
            if job_id_of(rq_id) == ref.id:
                return place
        return None

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _queue(self, name: QueueName) -> Queue:
        return Queue(name, connection=self._redis, serializer=JSONSerializer)
