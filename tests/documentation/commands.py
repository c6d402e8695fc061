"""Checks of commands that are not run: programs, options, routes, modules, services and settings of a block exist."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr
from io import StringIO

from handsoff_client.cli.arguments import build_parser
from tests.documentation.blocks import REPOSITORY

KNOWN_PROGRAMS = {
    "aws", "cat", "cd", "cp", "curl", "docker", "echo", "exiftool", "export", "handsoff", "handsoff-service", "hf",
    "make", "mkdir", "openssl", "pip", "printf", "python", "sha256sum", "ssh", "tar", "zip",
}  # fmt: skip
_ROUTE = re.compile(
    r"\$(?:API|URL/v1|\{API\})(/[\w/$?={}.&-]*)|http://127\.0\.0\.1:8000(/v1/[\w/]*)"
)
_SETTING = re.compile(r"\bHANDSOFF_[A-Z0-9_]+")


def routes() -> set[str]:
    """Return the paths of the API without `/v1`, with `*` for each parameter."""
    paths = json.loads((REPOSITORY / "docs" / "openapi.json").read_text())["paths"]
    return {re.sub(r"\{\w+\}", "*", path.removeprefix("/v1")) for path in paths}


def lines_of(text: str) -> Iterator[str]:
    """Yield the commands of a shell block: joined lines, without comments, the inside of `$(...)`, and heredocs."""
    text = re.sub(r"<<'(\w+)'\n.*?\n\1\n", "\n", text, flags=re.DOTALL)
    text = re.sub(r"(^|\s)#.*", r"\1", re.sub(r"\\\n\s*", " ", text))
    text = re.sub(r"'[^']*'", lambda quoted: quoted[0].replace("\n", " "), text)
    for line in text.splitlines():
        inner = re.sub(r"^\(cd \S+ && (.*)\)$", r"\1", line.strip())
        inner = re.sub(r"^[A-Z0-9_]+=\$\((.*)\)$", r"\1", inner)
        inner = re.sub(r"^while (.*); do :; done$", r"\1", inner)
        yield from filter(None, (part.strip() for part in inner.split(" && ")))


def check_shell(text: str) -> None:
    """Raise AssertionError for a command, an option, a route, a module or a setting that does not exist."""
    for line in lines_of(text):
        if re.match(r"[A-Z_0-9]+=\S*$", line):
            continue
        program = line.split()[0].removeprefix(".venv/bin/").removeprefix('"')
        assert program in KNOWN_PROGRAMS, f"unknown program {program!r} in {line!r}"
        if program in CHECKS:
            CHECKS[program](line)
    check_settings(text)


def check_settings(text: str) -> None:
    """Every `HANDSOFF_...` is in .env.example, or a variable of the client."""
    known = set(_SETTING.findall((REPOSITORY / ".env.example").read_text()))
    known |= {"HANDSOFF_URL", "HANDSOFF_API_KEY", "HANDSOFF_CACHE"}
    assert set(_SETTING.findall(text)) <= known


def check_handsoff(line: str) -> None:
    """The argument parser accepts the line."""
    words = shlex.split(line.partition(" | ")[0])[1:]
    errors = StringIO()
    try:
        with redirect_stderr(errors):
            build_parser().parse_args(words)
    except SystemExit as end:
        raise AssertionError(f"{line}: {errors.getvalue()}") from end


def check_curl(line: str) -> None:
    """Each address of the API is a route, and each body is JSON."""
    known = routes()
    for one, other in _ROUTE.findall(line):
        path = (one or other.removeprefix("/v1")).partition("?")[0].rstrip("/")
        pattern = re.sub(r"\$\w+|\w+_\.\.\.|(?<=/)\d+", "*", path)
        assert pattern in known, f"no route {path!r} in {line!r}"
    for body in re.findall(r"-d '(\{.*\})'", line):
        json.loads(re.sub(r"'\"?\$\w+\"?'", "id", re.sub(r"'\$\(.*?\)'", "1", body)))


def check_python(line: str) -> None:
    """`python -m NAME` is a module of the repository."""
    for name in re.findall(r"python -m ([\w.]+)", line):
        path = REPOSITORY / name.replace(".", "/")
        is_ours = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        assert is_ours or name == "pip", line


def check_make(line: str) -> None:
    """The target is in the Makefile."""
    target = line.split()[1]
    assert f"\n{target}:" in (REPOSITORY / "Makefile").read_text(), line


def check_docker(line: str) -> None:
    """Files of Compose and names of its services exist."""
    for name in re.findall(r"-f (\S+\.ya?ml)", line):
        assert (REPOSITORY / name).exists(), line
    compose = (REPOSITORY / "docker-compose.yml").read_text()
    for service in re.findall(r"--scale (\w+)=|logs -f (\w+)|run --rm (\w+)", line):
        assert f"\n  {''.join(service)}:" in compose, line


CHECKS: Mapping[str, Callable[[str], None]] = {
    "handsoff": check_handsoff,
    "curl": check_curl,
    "python": check_python,
    "make": check_make,
    "docker": check_docker,
}
