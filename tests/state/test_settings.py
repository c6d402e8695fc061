"""The settings."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from state.settings import Settings


def test_a_secret_can_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`HANDSOFF_<FIELD>_FILE` names a file that contains the value."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("HANDSOFF_LINK_SECRET_FILE", str(secret))
    link_secret = Settings().link_secret
    assert link_secret is not None
    assert link_secret.get_secret_value() == "s3cret"


def test_the_environment_has_priority_over_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is set directly is used."""
    (tmp_path / "port").write_text("1")
    monkeypatch.setenv("HANDSOFF_PORT_FILE", str(tmp_path / "port"))
    monkeypatch.setenv("HANDSOFF_PORT", "2")
    assert Settings().port == 2


def test_settings_are_frozen() -> None:
    """A field cannot be set."""
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc] # the promise under test


def test_secrets_are_not_printed() -> None:
    """Neither the password of Redis nor a secret is in the text of the settings."""
    settings = Settings.model_validate({"redis_url": "redis://:hush@h/0", "link_secret": "hush"})
    assert "hush" not in repr(settings)


def test_the_api_listens_on_loopback_by_default() -> None:
    """Other machines are served only when the operator says so."""
    assert Settings().host == "127.0.0.1"
