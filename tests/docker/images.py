"""An image without an engine: the Dockerfile's own COPY and RUN steps in a folder, and its command run from there.

What only an engine can give is left out: another root, another user, and the steps that prepare those.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docker.dockerfiles import REPOSITORY, Instruction, Stage, read

WORKDIR = "/srv"
OF_THE_SYSTEM = "groupadd"
"""How the one step begins that makes the user and the folders that belong to it."""


@dataclass(frozen=True)
class Image:
    """The files below WORKDIR (`built`: those it was made with), and what the last stage says of running them."""

    folder: Path
    stage: Stage
    built: frozenset[str]

    @property
    def python(self) -> str:
        """The interpreter with the image's packages."""
        return str(self.folder / ".venv" / "bin" / "python")

    def command(self, arguments: list[str]) -> list[str]:
        """What a container of the image runs."""
        assert self.stage.last("ENTRYPOINT").words[0] == "python"
        return [self.python, *self.stage.last("ENTRYPOINT").words[1:], *arguments]

    def health_command(self) -> list[str]:
        """What the engine would run now and then."""
        return [self.python, *self.stage.health_command[1:]]

    def environment(self, told: Mapping[str, str]) -> dict[str, str]:
        """The image's ENV and what Compose tells, and nothing of the machine that tests run on."""
        own = {name: value for name, value in self.stage.environment.items() if name[:4] == "HAND"}
        return {"PATH": os.defpath, **own, **told}

    def run(self, code: str) -> str:
        """What a few lines print, run with the image's packages beside its files."""
        command = [self.python, "-c", code]
        environment = self.environment({})
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    def files(self) -> frozenset[str]:
        """Every file that is there now, packages included."""
        return files_below(self.folder)


def files_below(folder: Path) -> frozenset[str]:
    """Every file and folder below a folder, by its path from there."""
    return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*"))


def build(name: str, folder: Path) -> Image:
    """Takes the steps of `docker/{name}.Dockerfile`, each stage in a folder of its own."""
    stages = read(name)
    places = {stage.name: folder / name / (stage.name or "image") for stage in stages}
    for stage in stages:
        places[stage.name].mkdir(parents=True)
        environment = _build_environment(stage, folder)
        for instruction in stage.instructions:
            _take(instruction, places, places[stage.name], environment)
    return Image(places[""], stages[-1], files_below(places[""]))


def _build_environment(stage: Stage, folder: Path) -> dict[str, str]:
    """The build arguments, which this process's environment may override, and a `python` as the base image has it."""
    python = folder / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} "$@"\n')
    python.chmod(0o755)
    given = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    arguments = dict(argument.text.split("=", 1) for argument in stage.all("ARG"))
    return {**arguments, **given, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}


def _take(
    instruction: Instruction, places: dict[str, Path], here: Path, environment: dict[str, str]
) -> None:
    if instruction.word == "WORKDIR":
        assert instruction.text == WORKDIR
    elif instruction.word == "COPY":
        *sources, target = instruction.words
        for source in sources:
            _copy(source, instruction.flags.get("from"), places, here / target)
    elif instruction.word == "RUN" and not instruction.text.startswith(OF_THE_SYSTEM):
        subprocess.run(["sh", "-c", instruction.text], cwd=here, env=environment, check=True)


def _copy(source: str, stage: str | None, places: dict[str, Path], target: Path) -> None:
    """From another stage, which nobody needs afterwards, or from the repository."""
    if stage is not None:
        shutil.move(places[stage] / Path(source).relative_to(WORKDIR), target)
    elif (REPOSITORY / source).is_dir():
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / source, target, ignore=without)
    else:
        shutil.copy(REPOSITORY / source, target)
