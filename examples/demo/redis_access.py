"""Access to the Redis that a command starts: its port, its password and a check that it answers."""

import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from examples.demo.redis_servers import redis_server

LOOPBACK = "127.0.0.1"
CONFIGURATION = "redis.conf"


@dataclass(frozen=True)
class RedisAccess:
    """A loopback port and a random password. With `keeps_data` a killed server loses at most a second of writes."""

    port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    keeps_data: bool = False

    @property
    def url(self) -> str:
        """Return the address with the password. Pass it in the environment, because command lines are public."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def command(self, folder: Path) -> list[str]:
        """Write the configuration into `folder` and return the command of a server.

        The configuration holds the password; only its owner can read it.
        """
        configuration = folder / CONFIGURATION
        configuration.unlink(missing_ok=True)
        configuration.touch(mode=0o600)
        configuration.write_text(f"requirepass {self.password}\n")
        return [
            redis_server(),
            str(configuration),
            *("--port", str(self.port), "--bind", LOOPBACK),
            *("--save", "", "--appendonly", "yes" if self.keeps_data else "no"),
            *("--dir", str(folder)),
            *("--stream-node-max-bytes", "1024"),  # as in Compose: the events of a small job fit
        ]

    def answers(self) -> bool:
        """Return True if a server on the port accepts the password and answers PING."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\n") < 2 and (part := connection.recv(64)):
                    answer += part
                return answer.startswith(b"+OK\r\n+PONG")
        except OSError:
            return False
