"""The server that the commands start opens to its password alone."""

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
    """A stack with nothing but Redis."""
    with Stack(tmp_path) as stack:
        stack.start_redis()
        yield stack


def test_the_address_opens_it(stack: Stack) -> None:
    """Workers and the app get it by their environment."""
    with redis.Redis.from_url(stack.environment["HANDSOFF_REDIS_URL"]) as client:
        assert client.ping()


def test_a_stranger_is_refused(stack: Stack) -> None:
    """Another program of this machine that finds the port can do nothing."""
    with redis.Redis(port=stack.redis.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert not RedisAccess(stack.redis.port).answers()


def test_no_command_line_shows_the_password(stack: Stack) -> None:
    """It stands in a file of its owner alone."""
    command = stack.processes["redis"].args
    assert isinstance(command, list)
    assert stack.redis.password not in " ".join(command)
    shown = subprocess.run(
        ["ps", "-axwwo", "args"], capture_output=True, text=True, check=True
    ).stdout
    assert str(stack.redis.port) in shown
    assert stack.redis.password not in shown
    mode = (stack.folder / "redis.conf").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_every_start_has_a_password_of_its_own() -> None:
    """24 random bytes, and no representation shows them."""
    first, second = RedisAccess(free_port()), RedisAccess(free_port())
    assert first.password != second.password
    assert len(first.password) == 32
    assert first.password not in repr(first)
