"""Reads the Dockerfiles: stages, each a list of instructions with their flags."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "docker"
NAMES = ("app", "worker")

_CONTINUED = re.compile(r"\\\n")
_FLAG = re.compile(r"^--([a-z-]+)=(\S+)\s+")


@dataclass(frozen=True)
class Instruction:
    """`RUN --mount=... pip install` is (word="RUN", flags={"mount": "..."}, text="pip install")."""

    word: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """Return the words of the text, in JSON form or plain form."""
        return json.loads(self.text) if self.text.startswith("[") else self.text.split()


@dataclass(frozen=True)
class Stage:
    """Instructions from one FROM to the next. `name` is empty for the last stage, which is the image."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> list[Instruction]:
        """Return the instructions of one kind, in order."""
        return [instruction for instruction in self.instructions if instruction.word == word]

    def last(self, word: str) -> Instruction:
        """Return the last instruction of a kind, the one in effect for USER, ENTRYPOINT and HEALTHCHECK."""
        return self.all(word)[-1]

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that ENV sets."""
        return dict(pair.split("=", 1) for env in self.all("ENV") for pair in env.words)

    @property
    def rooms(self) -> set[str]:
        """Return the paths copied from the repository."""
        copies = [copy for copy in self.all("COPY") if "from" not in copy.flags]
        return {source for copy in copies for source in copy.words[:-1]}

    @property
    def health_command(self) -> list[str]:
        """Return the command of HEALTHCHECK, after CMD."""
        command: list[str] = json.loads(self.last("HEALTHCHECK").text.removeprefix("CMD "))
        return command


def read(name: str) -> tuple[Stage, ...]:
    """Return the stages of `docker/{name}.Dockerfile`."""
    lines = (FOLDER / f"{name}.Dockerfile").read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    instructions = [_parse(line) for line in _CONTINUED.sub(" ", text).splitlines() if line.strip()]
    starts = [i for i, instruction in enumerate(instructions) if instruction.word == "FROM"]
    return tuple(
        _stage(instructions[start:end])
        for start, end in zip(starts, [*starts[1:], len(instructions)], strict=True)
    )


def _parse(line: str) -> Instruction:
    word, _, text = line.partition(" ")
    flags: dict[str, str] = {}
    text = text.strip()
    while match := _FLAG.match(text):
        flags[match[1]] = match[2]
        text = text[match.end() :]
    return Instruction(word, flags, text)


def _stage(instructions: list[Instruction]) -> Stage:
    base, _, name = instructions[0].text.partition(" AS ")
    return Stage(base, name, tuple(instructions[1:]))
