"""The Python client and the command line on a service with API keys."""

import pickle

import httpx2
import pytest

from handsoff_client import Forbidden, HandsOff, StreamSource, Unauthorized
from handsoff_client.cli.commands import main
from tests.app.keys.conftest import Headers, Issue
from tests.app.streams.conftest import Render


def key_of(headers: Headers) -> str:
    """Return the key in a header."""
    return headers["Authorization"].removeprefix("Bearer ")


def test_a_client_with_a_key_works(client: httpx2.Client, issue: Issue) -> None:
    """Without one it gets `Unauthorized`, without the scope `Forbidden`."""
    url = str(client.base_url)
    with HandsOff(url, api_key=key_of(issue(scopes=("read",)))) as reader:
        assert [each.id for each in reader.generators.list()] == ["tiny-32"]
        with pytest.raises(Forbidden, match="'write'"):
            reader.fits.cancel("fit_" + "0" * 32)
    with HandsOff(url) as stranger, pytest.raises(Unauthorized):
        list(stranger.generators.list())


def test_a_source_takes_its_key_to_other_processes(
    *,
    client: httpx2.Client,
    issue: Issue,
    stream_id: str,
    render: Render,
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pickled copy reads shards too."""
    monkeypatch.setenv("HANDSOFF_CACHE", str(tmp_path))
    key = key_of(issue(scopes=("read",)))
    source = StreamSource(str(client.base_url), stream_id, api_key=key)
    render(stream_id, 0)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.path(0).stat().st_size > 0


def test_the_command_line_sends_the_key(
    client: httpx2.Client, issue: Issue, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given before or after the subcommand."""
    words, key = ["--url", str(client.base_url)], ["--api-key", key_of(issue())]
    assert main([*words, *key, "generators"]) == 0
    assert main([*words, "generators", *key]) == 0
    assert main([*words, "generators"]) == 1
    assert "Authorization: Bearer KEY" in capsys.readouterr().err
