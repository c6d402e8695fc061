"""Promises of the settings."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from state.settings import Settings


def test_a_secret_can_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`HANDSOFF_<FIELD>_FILE` names a file whose text is the value."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("HANDSOFF_LINK_SECRET_FILE", str(secret))
    found = Settings().link_secret
    assert found is not None
    assert found.get_secret_value() == "s3cret"


def test_the_environment_wins_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable set directly is what counts."""
    (tmp_path / "port").write_text("1")
    monkeypatch.setenv("HANDSOFF_PORT_FILE", str(tmp_path / "port"))
    monkeypatch.setenv("HANDSOFF_PORT", "2")
    assert Settings().port == 2


def test_settings_do_not_change() -> None:
    """Settings are frozen: a process has one set of them for its life."""
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc] # the promise under test


def test_secrets_do_not_print() -> None:
    """Neither the Redis password nor a secret shows in the text of the settings."""
    settings = Settings.model_validate({"redis_url": "redis://:hush@h/0", "link_secret": "hush"})
    assert "hush" not in repr(settings)


def test_it_binds_to_loopback_by_default() -> None:
    """Nobody is served from outside unless an operator says so."""
    assert Settings().host == "127.0.0.1"
