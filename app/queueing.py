"""The app's connection to the queues: adds calls, and finds the position of a job."""

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from contracts.ids import RqId
from contracts.kinds import QueueName
from state.queues import Call, open_queue, put


class Queueing:
    """The queues, with short timeouts. Every method may raise `redis.RedisError`."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(
            redis_url,
            # A create waits for this connection, so it must fail within seconds.
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=Retry(ExponentialBackoff(cap=0.5), retries=2),
        )

    def put(self, call: Call) -> None:
        """Append a call to its queue, with retries and finite TTLs."""
        put(self._redis, call)

    def position(self, queue: QueueName, job_id: str) -> int | None:
        """Return the number of entries ahead of a job in its queue, or None if it is not queued."""
        for position, text in enumerate(open_queue(self._redis, queue).job_ids):
            rq_id = RqId.parse(text)
            if rq_id is not None and rq_id.owner == job_id:
                return position
        return None

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
