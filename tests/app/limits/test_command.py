"""`python -m app tenants`: the operator's command on the store."""

from pathlib import Path

import pytest

from app.__main__ import main
from contracts.access.tenants import TenantLimits
from state.access.key_records import KeyReader
from state.access.tenant_records import LimitReader
from state.settings import Settings
from state.store import Store

Output = pytest.CaptureFixture[str]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """Return the store that the environment names."""
    monkeypatch.setenv("HANDSOFF_STORE_URL", f"file://{tmp_path}/store")
    return Store.from_settings(Settings())


def test_limits_are_set_one_by_one(store: Store, capsys: Output) -> None:
    """The others stay as they are, and `none` ends one."""
    assert main(["tenants", "limit", "ada", "--weight", "2", "--pairs-per-day", "100"]) == 0
    assert main(["tenants", "limit", "ada", "--stored-bytes", "1000"]) == 0
    assert main(["tenants", "limit", "ada", "--pairs-per-day", "none"]) == 0
    assert LimitReader(store).read()["ada"].limits == TenantLimits(weight=2, stored_bytes=1000)
    capsys.readouterr()
    store.put("tenants/bob/x", b"")
    assert main(["tenants", "list"]) == 0
    ada, bob = capsys.readouterr().out.splitlines()
    assert ada.split() == ["ada", "weight", "2,", "stored", "bytes", "1000"]
    assert bob.split() == ["bob", "weight", "1"]


def test_a_tenant_is_erased(store: Store, capsys: Output) -> None:
    """With its keys. It needs a second word, and gets no new key."""
    main(["keys", "create", "x", "--tenant", "ada"])
    store.put("tenants/ada/x", b"")
    store.put("tenants/bob/x", b"")
    assert main(["tenants", "erase", "ada"]) == 1
    assert store.children("tenants") == ("ada", "bob")
    assert main(["tenants", "erase", "ada", "--yes"]) == 0
    assert store.children("tenants") == ("bob",)
    assert [key.is_revoked for key in KeyReader(store).read().values()] == [True]
    assert main(["keys", "create", "x", "--tenant", "ada"]) == 1
    assert main(["tenants", "erase", "default", "--yes"]) == 1
    assert "built-in generators" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--weight", "1000"], ["--queued-jobs", "1.5"], ["--requests-per-minute", "0"], []]
)
def test_an_invalid_limit_is_refused(store: Store, words: list[str], capsys: Output) -> None:
    """With the option and what it expects. Nothing is stored."""
    assert main(["tenants", "limit", "ada", *words]) == 1
    error = capsys.readouterr().err
    assert "xpected" in error
    assert not words or words[0] in error
    assert LimitReader(store).read() == {}
