"""`python -m app keys`: the operator's command on the store."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from app.__main__ import main
from app.access.table import KeyTable
from contracts.errors.access import Unauthorized
from state.access import paths
from state.settings import Settings
from state.store import Store

Output = pytest.CaptureFixture[str]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KeyTable:
    """Return the table of an app on the store that the environment names."""
    monkeypatch.setenv("HANDSOFF_STORE_URL", f"file://{tmp_path}/store")
    monkeypatch.setenv("HANDSOFF_AUTH", "keys")
    return KeyTable(Store.from_settings(Settings()))


def run(output: Output, *words: str) -> str:
    """Run a command that succeeds. Returns its standard output."""
    assert main(["keys", *words]) == 0
    return output.readouterr().out.strip()


def test_a_created_key_is_accepted(table: KeyTable, capsys: Output) -> None:
    """Standard output has only the secret. By default the key is an admin of the default tenant, without an end."""
    text = run(capsys, "create", "first admin")
    table.refresh()
    key = table.find(text)
    assert (key.tenant, key.name, key.expires_at) == ("default", "first admin", None)
    assert key.scopes == ("read", "write", "admin")


def test_a_damaged_key_does_not_disturb_the_output(table: KeyTable, capsys: Output) -> None:
    """The log is on standard error, so that a script reads the secret only."""
    other = run(capsys, "create", "other")
    table.refresh()
    store = Store.from_settings(Settings())
    store.put(paths.key(table.find(other).id), b"{")
    old = run(capsys, "create", "x")
    new = run(capsys, "rotate", old.rpartition("_")[0])
    assert re.fullmatch("hk_[0-9a-f]{12}_[0-9a-f]{64}", new)


def test_options_limit_a_key(table: KeyTable, capsys: Output) -> None:
    """To a tenant, to scopes, to some days."""
    text = run(capsys, "create", "x", "--tenant", "ada", "--scopes", "read,write", "--days", "30")
    table.refresh()
    key = table.find(text)
    assert (key.tenant, key.scopes) == ("ada", ("read", "write"))
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at) / timedelta(days=30) == pytest.approx(1, abs=1e-4)


def test_keys_are_listed_without_secrets(table: KeyTable, capsys: Output) -> None:
    """All, or those of one tenant."""
    texts = [run(capsys, "create", f"of {name}", "--tenant", name) for name in ("ada", "bob")]
    listed = run(capsys, "list")
    assert all(text.rpartition("_")[0] in listed for text in texts)
    assert not any(text in listed for text in texts)
    of_ada = run(capsys, "list", "--tenant", "ada").splitlines()
    assert len(of_ada) == 2
    assert of_ada[1].endswith("never             never             of ada")


def test_a_revoked_key_is_refused(table: KeyTable, capsys: Output) -> None:
    """It is named by its id or by the beginning of its secret."""
    text = run(capsys, "create", "x")
    run(capsys, "revoke", text.rpartition("_")[0])
    table.refresh()
    with pytest.raises(Unauthorized, match="revoked"):
        table.find(text)
    assert main(["keys", "rotate", text]) == 1
    assert "is revoked" in capsys.readouterr().err


def test_a_rotated_key_has_a_new_secret(table: KeyTable, capsys: Output) -> None:
    """Without hours of grace the old one ends now."""
    old = run(capsys, "create", "x")
    table.refresh()
    new = run(capsys, "rotate", table.find(old).id, "--grace-hours", "0")
    table.refresh()
    assert table.find(new).name == "x"
    with pytest.raises(Unauthorized, match="replaced"):
        table.find(old)


@pytest.mark.usefixtures("table")
def test_an_unknown_key_is_reported(capsys: Output) -> None:
    """With the command that lists all, and without the text, which may be a secret."""
    assert main(["keys", "revoke", "hk_0_secret"]) == 1
    error = capsys.readouterr().err
    assert "python -m app keys list" in error
    assert "hk_0" not in error


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "words",
    [["--tenant", "A/b"], ["--scopes", "owner"], ["--days", "-1"], ["--days", "\u0661"]],
)
def test_an_invalid_option_is_refused(words: list[str], capsys: Output) -> None:
    """Nothing is stored."""
    with pytest.raises(SystemExit, match="2"):
        main(["keys", "create", "x", *words])
    assert f"argument {words[0]}" in capsys.readouterr().err
    assert len(run(capsys, "list").splitlines()) == 1


def test_an_app_without_keys_is_noticed(
    table: KeyTable, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator reads that the setting is missing."""
    monkeypatch.delenv("HANDSOFF_AUTH")
    assert main(["keys", "create", "x"]) == 0
    assert "HANDSOFF_AUTH is not 'keys'" in capsys.readouterr().err
