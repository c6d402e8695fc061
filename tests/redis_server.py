"""A Redis for tests, which can hang: then it accepts connections and answers nothing, as on a machine that swaps."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from examples.demo.redis_access import RedisAccess
from examples.demo.stack import free_port


class StoppableRedis:
    """A Redis that a test can stop and continue."""

    def __init__(self, url: str, server: "subprocess.Popen[bytes]") -> None:
        self.url = url
        self._server = server

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop the process (SIGSTOP) during the block. The kernel still accepts connections."""
        self._server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.send_signal(signal.SIGCONT)


@contextmanager
def stoppable_redis(folder: Path) -> Iterator[StoppableRedis]:
    """Start a Redis with a password on a free loopback port. HANDSOFF_REDIS_SERVER chooses the server."""
    access = RedisAccess(free_port())
    with subprocess.Popen(access.command(folder), stdout=subprocess.DEVNULL) as server:
        try:
            retry = Retry(ConstantBackoff(0.05), retries=200)
            client = redis.Redis.from_url(access.url, retry=retry)
            client.ping()
            client.close()
            yield StoppableRedis(access.url, server)
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()
