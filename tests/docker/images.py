"""An image without an engine: the COPY and RUN steps of a Dockerfile in a folder, and its command run from there.

Steps that need an engine are skipped: another root, another user, and the steps that prepare them.
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
SYSTEM_STEP = "groupadd"
"""First word of the step that creates the user and its folders."""


@dataclass(frozen=True)
class Image:
    """Files below WORKDIR, the last stage, and the paths of the files after the build (`built`)."""

    folder: Path
    stage: Stage
    built: frozenset[str]

    @property
    def python(self) -> str:
        """Return the interpreter with the image's packages."""
        return str(self.folder / ".venv" / "bin" / "python")

    def command(self, arguments: list[str]) -> list[str]:
        """Return the command of a container of the image."""
        assert self.stage.last("ENTRYPOINT").words[0] == "python"
        return [self.python, *self.stage.last("ENTRYPOINT").words[1:], *arguments]

    def health_command(self) -> list[str]:
        """Return the command of the health check."""
        return [self.python, *self.stage.health_command[1:]]

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the image's ENV with `settings`, and nothing of this process's environment."""
        own = {name: value for name, value in self.stage.environment.items() if name[:4] == "HAND"}
        return {"PATH": os.defpath, **own, **settings}

    def run(self, code: str) -> str:
        """Run Python code with the image's packages in its folder. Returns the output."""
        command = [self.python, "-c", code]
        environment = self.environment({})
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    def files(self) -> frozenset[str]:
        """Return every file that exists now, with packages."""
        return files_below(self.folder)


def files_below(folder: Path) -> frozenset[str]:
    """Return every file and folder below a folder, as relative paths."""
    return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*"))


def build(name: str, folder: Path) -> Image:
    """Run the steps of `docker/{name}.Dockerfile`, each stage in its own folder."""
    stages = read(name)
    folders = {stage.name: folder / name / (stage.name or "image") for stage in stages}
    for stage in stages:
        folders[stage.name].mkdir(parents=True)
        environment = _build_environment(stage, folder)
        for instruction in stage.instructions:
            _run_step(instruction, folders, folders[stage.name], environment)
    return Image(folders[""], stages[-1], files_below(folders[""]))


def _build_environment(stage: Stage, folder: Path) -> dict[str, str]:
    """Return the build arguments, overridden by the environment, and a PATH with the base image's `python`."""
    python = folder / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec {Path(sys.executable).resolve()} "$@"\n')
    python.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    arguments = dict(argument.text.split("=", 1) for argument in stage.all("ARG"))
    return {**arguments, **inherited, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}


def _run_step(
    instruction: Instruction, folders: dict[str, Path], here: Path, environment: dict[str, str]
) -> None:
    if instruction.word == "WORKDIR":
        assert instruction.text == WORKDIR
    elif instruction.word == "COPY":
        *sources, target = instruction.words
        for source in sources:
            _copy(source, instruction.flags.get("from"), folders, here / target)
    elif instruction.word == "RUN" and not instruction.text.startswith(SYSTEM_STEP):
        subprocess.run(["sh", "-c", instruction.text], cwd=here, env=environment, check=True)


def _copy(source: str, stage: str | None, folders: dict[str, Path], target: Path) -> None:
    """Copy from the repository, or move from another stage, which is not needed afterwards."""
    if stage is not None:
        shutil.move(folders[stage] / Path(source).relative_to(WORKDIR), target)
    elif (REPOSITORY / source).is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / source, target, ignore=ignored)
    else:
        shutil.copy(REPOSITORY / source, target)
