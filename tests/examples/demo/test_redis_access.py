"""The Redis that a command starts requires its password."""

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from examples.demo.redis_access import RedisAccess
from examples.demo.stack import Stack, free_port


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Start a stack with only Redis."""
    with Stack(tmp_path) as stack:
        stack.start_redis()
        yield stack


def test_the_address_gives_access(stack: Stack) -> None:
    """Workers and the app receive the address in their environment."""
    with redis.Redis.from_url(stack.environment["HANDSOFF_REDIS_URL"]) as client:
        assert client.ping()


def test_a_client_without_the_password_is_refused(stack: Stack) -> None:
    """Another program on this machine cannot use the port."""
    with redis.Redis(port=stack.redis.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert not RedisAccess(stack.redis.port).answers()


def test_no_command_line_shows_the_password(stack: Stack) -> None:
    """The password is only in a file that its owner can read."""
    command = stack.commands["redis"]
    assert isinstance(command, list)
    assert stack.redis.password not in " ".join(command)
    processes = subprocess.run(
        ["ps", "-axwwo", "args"], capture_output=True, text=True, check=True
    ).stdout
    assert str(stack.redis.port) in processes
    assert stack.redis.password not in processes
    mode = (stack.folder / "redis.conf").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_every_start_has_its_own_password() -> None:
    """The password has 24 random bytes, and `repr` does not contain it."""
    first, second = RedisAccess(free_port()), RedisAccess(free_port())
    assert first.password != second.password
    assert len(first.password) == 32
    assert first.password not in repr(first)
