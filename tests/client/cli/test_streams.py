"""The subcommand `handsoff stream`."""

from pathlib import Path

from tests.app.streams.conftest import Render
from tests.client.conftest import Run


def test_a_stream_is_created_and_its_shards_are_downloaded(
    run: Run, finished_fit_id: str, render: Render, tmp_path: Path
) -> None:
    """The id for the next command is printed, shards are plain tars, and the stream is listed and shown."""
    _, out, _ = run("stream", finished_fit_id, "--shard-size", "2", "--seed", "5")
    stream = out.strip()
    for shard in (3, 4):
        render(stream, shard)
    run("stream", stream, "--out", str(tmp_path), "--start", "3", "--shards", "2")
    names = sorted(path.name for path in tmp_path.glob("*.tar"))
    assert names == ["shard-000003.tar", "shard-000004.tar"]
    assert stream in run("streams")[1]
    assert "shard_size  2" in run("show", stream)[1]
