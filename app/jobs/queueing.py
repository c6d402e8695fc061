"""Puts calls into RQ's queues and says where one stands.

The JSON serializer everywhere: with RQ's default, pickle, whoever can write Redis could run code here.
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
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=RedisRetry(ExponentialBackoff(cap=0.5), retries=2),
        )

    def put(self, call: Call) -> None:
        """Adds a call to the end of its queue, with retries and with lives that end."""
        waits = call.retry_seconds
        queue = self._queue(call.plan.queue)
        queue.enqueue_call(**call.enqueue_options(), retry=Retry(max=len(waits), interval=waits))

    def position(self, ref: JobRef) -> int | None:
        """How many entries are before the job's first one in its queue; None when it has none there."""
        queue = TASKS[TASK_OF_KIND[ref.kind]].queue
        for place, rq_id in enumerate(self._queue(queue).job_ids):
            if job_id_of(rq_id) == ref.id:
                return place
        return None

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()

    def _queue(self, name: QueueName) -> Queue:
        return Queue(name, connection=self._redis, serializer=JSONSerializer)
