"""The reader of data.yaml agrees with YAML for the files of YOLO data sets, and refuses the rest with its line."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from handsoff_client.converters.data_yaml import names_of, numbers_of, read_yaml
from handsoff_shards.errors import InvalidInput

FILES = (
    "train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['cat', \"the dog\"]\n",
    "path: .  # root\nnames:\n  0: cat\n  1: 'a: b # c'\n  7: \"x\\u00e9\"\n",
    "names:\n- cat\n- dog 2\n- it's\nkpt_shape: [17, 3]\nflip_idx: [0, 2, 1]\n",
    "names:\n  - cat\n  - dog\nroboflow:\n  workspace: w\n  url: https://universe.roboflow.com/x\n",
    "names: [cat,\n  dog,  # two\n  bird]\n",
    "names: {0: cat, 1: dog}\n",
    "---\nkpt_names:\n  0:\n    - nose\n    - left_eye\n  1:\n    - nose\n",
    "\ufeffnames: [a]\r\nnc: 1\r\n",
)


def written(folder: Path, text: str) -> Path:
    """Write a data.yaml and return its path."""
    path = folder / "data.yaml"
    path.write_bytes(text.encode())
    return path


def plain(value: Any) -> Any:
    """Return what YAML reads with all numbers and keys as text."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else str(value)


@pytest.mark.parametrize("text", FILES)
def test_files_are_read_as_yaml_reads_them(tmp_path: Path, text: str) -> None:
    """Lists, maps, quotes, comments, nested maps, byte order mark, line ends."""
    expected = YAML(typ="safe").load(text.removeprefix("\ufeff"))
    assert read_yaml(written(tmp_path, text)) == plain(expected)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nc: 1\nnames: [a, b\n", 2),
        ("names: &x [a]\n", 1),
        ("nc: 1\nnc: 2\n", 2),
        ("names:\n  - a\n  b\n", 2),
        ("just text\n", 1),
        ("names:\n  0: a\n  0: b\n", 2),
        ("names:\n  0:\n    - a\n", 2),
        ("  indented: 1\n", 1),
        ("names: ['a, b]\n", 1),
    ],
)
def test_other_yaml_names_its_line(tmp_path: Path, text: str, line: int) -> None:
    """A name that was read wrongly would be a wrong label."""
    with pytest.raises(InvalidInput, match=rf"data.yaml:{line}: "):
        read_yaml(written(tmp_path, text))


@pytest.mark.parametrize("mark", ["|", ">", "|-", ">2"])
def test_a_block_of_text_is_skipped(tmp_path: Path, mark: str) -> None:
    """Ultralytics' own files have a script for the download. Its lines and brackets do not matter."""
    script = f"download: {mark}\n  urls = [\n\n    'a: [',  # {{\n  names: x\n"
    text = f"nc: 1\n{script}names:\n  0: cat\n"
    content = read_yaml(written(tmp_path, text))
    assert content == {"nc": "1", "download": None, "names": {"0": "cat"}}


def test_names_by_number() -> None:
    """A list counts from 0, a map has its own numbers; anything else is None."""
    assert names_of(["a", "b"]) == {0: "a", 1: "b"}
    assert names_of({"3": "a", "1": "b"}) == {1: "b", 3: "a"}
    assert names_of({"x": "a"}) is names_of("a") is names_of([["a"]]) is None
    assert numbers_of(["1", "2"]) == [1, 2]
    assert numbers_of(["1", "x"]) is numbers_of("1") is None
