"""The house rules on size: no Python file over 300 lines, no folder with more than 15 modules."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = (
    "app",
    "assets",
    "benchmarks",
    "client",
    "contracts",
    "examples",
    "handsoff_service",
    "models",
    "state",
    "tests",
    "workers",
)
MAX_LINES, MAX_MODULES = 300, 15


def python_files(repository: Path) -> Iterator[Path]:
    """Yield the Python files of all rooms, as paths relative to the repository."""
    for room in ROOMS:
        for path in sorted((repository / room).rglob("*.py")):
            yield path.relative_to(repository)


def long_files(repository: Path) -> dict[str, int]:
    """Return the number of lines of each file that has too many."""
    sizes = {
        path.as_posix(): len((repository / path).read_text().splitlines())
        for path in python_files(repository)
    }
    return {path: size for path, size in sizes.items() if size > MAX_LINES}


def full_folders(repository: Path) -> dict[str, int]:
    """Return the number of modules of each folder that has too many. `__init__.py` is empty and does not count."""
    modules = Counter(
        path.parent.as_posix()
        for path in python_files(repository)
        if path.name not in {"__init__.py", "__main__.py"}
    )
    return {folder: count for folder, count in modules.items() if count > MAX_MODULES}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the Python files of all rooms. Returns the folder."""
    for path in python_files(REPOSITORY):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
    return tmp_path


def test_no_file_is_too_long() -> None:
    """A file with more than 300 lines must be split."""
    assert long_files(REPOSITORY) == {}


def test_no_folder_has_too_many_modules() -> None:
    """A folder with more than 15 modules must be divided by subject."""
    assert full_folders(REPOSITORY) == {}


def test_every_room_is_checked() -> None:
    """A new top-level folder with Python files must be added to the list."""
    tops = {
        path.relative_to(REPOSITORY).parts[0]
        for path in REPOSITORY.glob("*/**/*.py")
        if not path.relative_to(REPOSITORY).parts[0].startswith(".")
    }
    assert tops - {"build", "demo", "var"} == set(ROOMS)


def test_a_long_file_is_reported(copy: Path) -> None:
    """One line more than 300 makes the check fail."""
    path = copy / "app" / "pages" / "endpoints.py"
    path.write_text("x = 1\n" * MAX_LINES)
    assert long_files(copy) == {}
    path.write_text("x = 1\n" * (MAX_LINES + 1))
    assert long_files(copy) == {"app/pages/endpoints.py": MAX_LINES + 1}


def test_a_full_folder_is_reported(copy: Path) -> None:
    """The sixteenth module makes the check fail, in tests too."""
    folder = copy / "tests" / "app" / "new"
    folder.mkdir()
    for number in range(MAX_MODULES):
        (folder / f"test_{number}.py").touch()
    assert full_folders(copy) == {}
    (folder / "conftest.py").touch()
    assert full_folders(copy) == {"tests/app/new": MAX_MODULES + 1}
