"""The pages about the service: workers and queues, and what a tenant used."""

import httpx2

from contracts.accounts.usage import Usage
from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.ids import DEFAULT_TENANT
from state.ledger import Ledger
from state.store import Store
from state.usage import notes
from tests.app.ui.conftest import words


def test_workers_are_shown_with_their_own_jobs(
    client: httpx2.Client, ledger: Ledger, fit_id: str
) -> None:
    """Device, state and job of each worker; another tenant's job is not named. Queues without a worker say so."""
    for worker, job in (("mine", f"{DEFAULT_TENANT}/{fit_id}"), ("theirs", "bob/fit_secret")):
        ledger.record_heartbeat(
            Heartbeat(worker=worker, queue="fit", state="busy", at=now(), device="cpu", job=job)
        )
    page = client.get("/ui/workers")
    assert f'href="/ui/fits/{fit_id}"' in page.text
    assert "secret" not in page.text
    text = words(page)
    for fact in ("mine busy cpu", "theirs busy cpu", "python -m workers train", "1 waiting"):
        assert fact in text, fact


def test_usage_is_shown_by_day(client: httpx2.Client, store: Store) -> None:
    """Sums, a bar and a row for each day, also without a script."""
    usage = Usage(pairs=1_200, device_seconds={"cpu": 90.0}, written_bytes=2**21)
    notes.note(store, DEFAULT_TENANT, usage)
    page = client.get("/ui/usage")
    text = words(page)
    for fact in ("Rendered pairs 1,200", "1 min 30 s cpu", "2.0 MiB", "not measured yet"):
        assert fact in text, fact
    assert page.text.count('<rect class="fill"') == 4 * 30
    assert 'height="60.0"' in page.text


def test_nothing_used_is_said(client: httpx2.Client) -> None:
    """A new tenant has an empty month."""
    assert "Nothing was used." in words(client.get("/ui/usage"))


def test_without_api_keys_there_are_none_to_manage(client: httpx2.Client) -> None:
    """403 says that the service works without keys, and no page leads there."""
    page = client.get("/ui/keys")
    assert (page.status_code, "HANDSOFF_AUTH" in words(page)) == (403, True)
    assert 'href="/ui/keys"' not in client.get("/ui").text
