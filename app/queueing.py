"""The app's connection to the queues: adds calls, and finds the position of a job."""

from contracts.ids import RqId
from contracts.kinds import QueueName
from state.queues import Call, Load, load, open_queue, put, withdraw
from state.redis_calls import RedisCalls


class Queueing:
    """The queues. `calls` limits the time of each command. Every method may raise `redis.RedisError`."""

    def __init__(self, redis_url: str, calls: RedisCalls) -> None:
        self._redis = calls.connect(redis_url)

    def put(self, call: Call) -> None:
        """Append a call to its queue, with retries and finite TTLs."""
        put(self._redis, call)

    def withdraw(self, queue: QueueName, job_id: str) -> None:
        """Take the waiting entries of a job out of its queue."""
        withdraw(self._redis, queue, job_id)

    def position(self, queue: QueueName, job_id: str) -> int | None:
        """Return the number of entries ahead of a job in its queue, or None if it is not queued."""
        for position, text in enumerate(open_queue(self._redis, queue).job_ids):
            rq_id = RqId.parse(text)
            if rq_id is not None and rq_id.owner == job_id:
                return position
        return None

    def load(self, queue: QueueName) -> Load:
        """Return the number of entries of a queue and the wait of the first one."""
        return load(self._redis, queue)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
