"""The doctor finds planted faults, and names the mend."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.doctor.environment import read_settings
from app.doctor.examination import main
from app.doctor.redis_checks import MAX_SKEW, check_clock, check_redis, check_server
from app.doctor.store_checks import GiB, check_disk, check_store
from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.kinds import QUEUE_NAMES
from state.ledger import Ledger
from state.process.findings import Finding
from state.settings import Settings


@pytest.fixture
def healthy(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, ledger: Ledger, tmp_path: Path
) -> Path:
    """Return the folder of the store of an environment without faults, with every worker and a reconciler."""
    monkeypatch.setenv("HANDSOFF_REDIS_URL", redis_url)
    monkeypatch.setenv("HANDSOFF_STORE_URL", f"file://{tmp_path}/store")
    monkeypatch.setenv("HANDSOFF_LINK_SECRET", "0" * 32)
    for queue in QUEUE_NAMES:
        beat = Heartbeat(worker=queue, queue=queue, state="idle", at=now(), device="cpu")
        ledger.record_heartbeat(beat)
    ledger.record_reconciler("a")
    return tmp_path


def test_a_healthy_service_has_no_faults(healthy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line counts none, and the exit code is 0. The doctor leaves nothing in the store."""
    assert main() == 0
    out = capsys.readouterr().out
    assert out.endswith("faults: 0, warnings: 0\n")
    for subject in ("settings", "redis", "clock", "processes", "store", "disk", "device"):
        assert f"ok       {subject}" in out
    assert not [path for path in (healthy / "store").rglob("*") if path.is_file()]


def test_a_fault_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each finding stands above its mend. Nothing else is checked with settings that cannot be read."""
    monkeypatch.setenv("HANDSOFF_PORT", "abc")
    assert main() == 1
    out = capsys.readouterr().out
    assert "-> Correct HANDSOFF_PORT" in out
    assert out.endswith("faults: 1, warnings: 0\n")


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("name", "value", "level", "found"),
    [
        ("REDIS_ULR", "redis://a", "warning", "Did you mean HANDSOFF_REDIS_URL?"),
        ("WATCHDOG", "ten minutes", "fault", "the value of HANDSOFF_WATCHDOG is refused"),
        ("REDIS_URL_FILE", "/nowhere", "fault", "/nowhere cannot be read"),
        ("HOST", "0.0.0.0", "fault", "the app refuses every address but loopback"),
        ("STORE_ENDPOINT", "http://s3", "fault", "HANDSOFF_STORE_ALLOW_HTTP=true"),
    ],
)
def test_a_wrong_setting_is_found(
    name: str, value: str, level: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is named with what to do."""
    monkeypatch.setenv(f"HANDSOFF_{name}", value)
    assert found in texts(read_settings()[1], level)


@pytest.mark.usefixtures("healthy")
def test_right_settings_have_one_finding() -> None:
    """Nothing that is right is reported as a problem."""
    _, findings = read_settings()
    assert [one.level for one in findings] == ["ok"]


def texts(findings: list[Finding], level: str) -> str:
    """Return the findings of one level."""
    return "\n".join(f"{one.found} {one.mend}" for one in findings if one.level == level)


def test_a_redis_that_is_away_is_found() -> None:
    """Its address is named."""
    findings = check_redis(Settings.model_validate({"redis_url": "redis://127.0.0.1:1/0"}))
    assert "127.0.0.1:1 does not answer" in texts(findings, "fault")


def test_a_wrong_password_is_found(redis_url: str) -> None:
    """It is not reported as a Redis that is away."""
    url = redis_url.replace("@", "wrong@")
    findings = check_redis(Settings.model_validate({"redis_url": url}))
    assert "password" in texts(findings, "fault")


@pytest.fixture
def evicting(ledger: Ledger) -> Iterator[None]:
    """Let the Redis of the run drop keys when it is full."""
    ledger.redis.config_set("maxmemory-policy", "allkeys-lru")
    yield
    ledger.redis.config_set("maxmemory-policy", "noeviction")


@pytest.mark.usefixtures("evicting")
def test_a_redis_that_drops_keys_is_found(settings: Settings) -> None:
    """A full one would lose queued jobs in silence."""
    assert "Set maxmemory-policy noeviction." in texts(check_redis(settings), "fault")


def test_missing_processes_are_found(settings: Settings, ledger: Ledger) -> None:
    """Without workers jobs wait; without a reconciler lost jobs stay lost. Optional pools may be missing."""
    found = texts(check_redis(settings), "warning")
    assert "no worker serves fit, generate, cpu" in found
    assert "python -m workers reconcile" in found
    ledger.record_reconciler("a")
    assert "reconcile" not in texts(check_redis(settings), "warning")


INFO = {
    "redis_version": "7.4.1",
    "maxmemory_policy": "noeviction",
    "maxmemory": 0,
    "used_memory": 9,
}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"redis_version": "6.0.16"}, "Install Redis 6.2 or newer"),
        ({"maxmemory": 10}, "90% of maxmemory is used"),
        ({"aof_last_write_status": "err"}, "could not write its data"),
    ],
)
def test_a_troubled_redis_is_found(change: dict[str, object], found: str) -> None:
    """Too old, nearly full, or with a full disk."""
    assert check_server(INFO) == []
    (finding,) = check_server(INFO | change)
    assert found in f"{finding.found} {finding.mend}"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_wrong_clock_is_found(sign: int) -> None:
    """Fast or slow."""
    assert check_clock("Redis", now() + sign * 2 * MAX_SKEW).level == "fault"
    assert check_clock("Redis", now() + sign * timedelta(seconds=1)).level == "ok"


def test_a_full_disk_is_found(tmp_path: Path) -> None:
    """Below the reserve of the settings it is a fault that says where."""
    finding = check_disk(tmp_path, "the store", least_bytes=10**6 * GiB)
    assert finding.level == "fault"
    assert str(tmp_path) in finding.found


def test_a_folder_that_cannot_be_written_is_found() -> None:
    """No process can make a folder there."""
    findings = check_store(Settings(store_url="file:///proc/none"))
    assert "file:///proc/none cannot be used" in texts(findings, "fault")


def test_a_bucket_that_is_away_is_found() -> None:
    """The address of the store is named, its secret is not."""
    settings = Settings.model_validate(
        {
            "store_url": "s3://none",
            "store_endpoint": "http://127.0.0.1:1",
            "store_allow_http": True,
            "store_access_key_id": "key",
            "store_secret_access_key": "a-secret",
        }
    )
    (finding,) = check_store(settings)
    assert finding.level == "fault"
    assert "s3://none" in finding.found
    assert "a-secret" not in finding.found
