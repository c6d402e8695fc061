"""Webhooks in the client, with the real app."""

import pytest

from handsoff_client import HandsOff
from handsoff_client.http.service_errors import NotFound
from tests.client.conftest import Run

URL = "https://example.com/hook"


def test_an_address_lives(handsoff: HandsOff) -> None:
    """It is created with a secret, changed, rotated, listed and deleted."""
    hook = handsoff.webhooks.create(URL, name="pipeline", events=["batch"])
    assert str(hook.secret).startswith("whsec_")
    assert handsoff.webhooks.change(hook.id, URL, events=["failed"]).events == ("failed",)
    rotated = handsoff.webhooks.rotate(hook.id, grace_seconds=60)
    assert rotated.secret not in {None, hook.secret}
    assert [one.id for one in handsoff.webhooks.list()] == [hook.id]
    assert handsoff.webhooks.get(hook.id).secret is None
    handsoff.webhooks.delete(hook.id)
    with pytest.raises(NotFound):
        handsoff.webhooks.get(hook.id)


def test_messages_are_listed_and_sent_again(handsoff: HandsOff) -> None:
    """A test message is pending until it is sent."""
    hook = handsoff.webhooks.create(URL)
    sent = handsoff.webhooks.test(hook.id)
    assert (sent.type, sent.status) == ("webhook.test", "pending")
    assert [one.id for one in handsoff.webhooks.messages(hook.id)] == [sent.id]
    assert handsoff.webhooks.redeliver(hook.id, sent.id).id == sent.id


def test_the_command_line_manages_addresses(run: Run) -> None:
    """Each action of `handsoff webhooks`."""

    def webhooks(*words: str) -> str:
        code, out, _ = run("webhooks", *words)
        assert code == 0
        return out.strip()

    hook, secret = webhooks("add", URL, "--event", "batch").split()
    assert secret.startswith("whsec_")
    assert hook in webhooks("list")
    message = webhooks("test", hook).split()[0]
    assert message in webhooks("log", hook)
    assert webhooks("redeliver", hook, message) == f"{message} pending"
    assert webhooks("rotate", hook).split()[0] == hook
    webhooks("rm", hook)
    assert hook not in webhooks("list")
