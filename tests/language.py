"""Count the phrases that `tests/test_language.py` limits, in Markdown and in the strings and comments of Python files.

`python -m tests.language [PATH ...]` prints each match with file and line, and the rate of each room.
"""

import argparse
import ast
import io
import re
import subprocess
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# Each is a sign of an inverted or old-fashioned sentence. Rewrite the sentence, not only the phrase.
PATTERNS = re.compile(
    r"\b(?:nobody|somebody|whoever|anew|thereby|in good order|goes again|at the soonest"
    r"|what (?:came|comes|has|is|was|lacks|never)|(?:is|are) told|came|of (?:its|their|our) own"
    r"|(?:file|disk|code|task|job|fault) of ours|at all|is to be|as it stands|stands again|the like"
    r"|for the taking)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
# The log and the decisions of the past are kept as they were written; this file quotes the phrases.
EXCEPTIONS = ("benchmarks/LOG.md", "tests/language.py", "docs/openapi.json")
OLD_DECISIONS = range(1, 21)


@dataclass(frozen=True)
class Passage:
    """A piece of prose: a line of Markdown, a string or a comment."""

    path: str
    line: int
    text: str

    @property
    def room(self) -> str:
        """The top-level folder; `docs` for Markdown, wherever it lies."""
        return "docs" if self.path.endswith(".md") else self.path.split("/", 1)[0]


def passages(path: str) -> Iterator[Passage]:
    """Yield the prose of a file, in order."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        yield from (Passage(path, at, line) for at, line in enumerate(text.splitlines(), 1))
    else:
        yield from _strings(path, text)
        yield from _comments(path, text)


def tracked(*only: str) -> list[str]:
    """Return the Markdown and Python files of the repository, or those below some paths."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *(only or ["."])],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [path for path in listed if path.endswith((".md", ".py")) and not _is_exception(path)]


def matches(passage: Passage) -> list[str]:
    """Return the counted phrases of a passage."""
    return PATTERNS.findall(passage.text)


def rates(paths: list[str]) -> dict[str, float]:
    """Return the counted phrases per 10,000 words, by room."""
    words: dict[str, int] = defaultdict(int)
    phrases: dict[str, int] = defaultdict(int)
    for path in paths:
        for passage in passages(path):
            words[passage.room] += len(WORD.findall(passage.text))
            phrases[passage.room] += len(matches(passage))
    return {room: 10_000 * phrases[room] / words[room] for room in sorted(words) if words[room]}


def _is_exception(path: str) -> bool:
    decision = re.match(r"docs/decisions/(\d{4})-", path)
    return path in EXCEPTIONS or bool(decision and int(decision[1]) in OLD_DECISIONS)


def _strings(path: str, text: str) -> Iterator[Passage]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Passage(path, node.lineno, node.value)


def _comments(path: str, text: str) -> Iterator[Passage]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(path, token.start[0], token.string)


def main() -> None:
    """Print every match and the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="*")
    paths = tracked(*parser.parse_args().path)
    for path in paths:
        for passage in passages(path):
            for phrase in matches(passage):
                print(f"{path}:{passage.line}: {phrase}")  # noqa: T201 - a command for people
    for room, rate in rates(paths).items():
        print(f"{room}: {rate:.1f} per 10,000 words")  # noqa: T201


if __name__ == "__main__":
    main()
