"""The keys of an identity provider: rotation, a provider that is away, and answers that are refused."""

import pytest

from app.access.identity import documents
from app.access.identity.documents import MAX_DOCUMENT_BYTES, IssuerError
from app.access.identity.key_source import ASK_SECONDS, MAX_AGE_SECONDS, KeySource
from app.access.identity.signing_keys import MAX_KEYS
from app.access.identity.tokens import Tokens
from contracts.errors.access import Unauthorized
from contracts.errors.tree import Unavailable
from tests.app.access.identity.issuer import EC, RSA, Issuer, jwk
from tests.app.access.test_table import Clock

CONFIGURATION = "/.well-known/openid-configuration"


def test_a_new_key_is_accepted_after_a_reading(tokens: Tokens, issuer: Issuer) -> None:
    """The old one is not any more, also for tokens that it signed before."""
    old, new = issuer.sign(), issuer.sign(EC, "ES256", "two")
    tokens.find(old)
    issuer.keys = [jwk(EC, "two")]
    with pytest.raises(Unauthorized, match="current key"):
        tokens.find(new)
    tokens.keys.refresh()
    assert tokens.find(new).tenant == "lab"
    with pytest.raises(Unauthorized, match="current key"):
        tokens.find(old)


def test_an_unknown_key_asks_for_one_reading_a_minute(
    tokens: Tokens, issuer: Issuer, clock: Clock
) -> None:
    """The request itself sends nothing, however many such tokens arrive."""
    text, before = issuer.sign(kid="two"), issuer.num_requests
    for seconds, is_asked in ((ASK_SECONDS - 1, False), (ASK_SECONDS, True)):
        clock.seconds = seconds
        for _ in range(3):
            with pytest.raises(Unauthorized):
                tokens.find(text)
        assert tokens.keys._wake.is_set() is is_asked
    assert issuer.num_requests == before


def test_the_thread_reads_when_it_is_asked(source: KeySource, issuer: Issuer, clock: Clock) -> None:
    """A rotation is found long before the next regular reading. The thread ends with the source."""
    source.start()
    assert [key.kid for key in source.current()] == ["one"]
    issuer.keys = [jwk(EC, "two")]
    clock.seconds = ASK_SECONDS
    source.ask()
    while [key.kid for key in source.current()] != ["two"]:  # the test's own time limit ends it
        pass
    source.close()
    assert source._thread is not None
    assert not source._thread.is_alive()


def test_the_last_keys_are_used_while_the_provider_is_away(
    tokens: Tokens, issuer: Issuer, clock: Clock
) -> None:
    """For an hour; then tokens get 503 until it answers again."""
    text, issuer.is_away = issuer.sign(), True
    with pytest.raises(IssuerError, match="500"):
        tokens.keys.refresh()
    clock.seconds = MAX_AGE_SECONDS
    assert tokens.find(text).tenant == "lab"
    clock.seconds += 1
    with pytest.raises(Unavailable, match="Retry in some seconds") as refused:
        tokens.find(text)
    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 10)
    issuer.is_away = False
    tokens.keys.refresh()
    assert tokens.find(text).tenant == "lab"


def test_a_provider_may_be_away_at_the_start(source: KeySource, issuer: Issuer) -> None:
    """Tokens get 503, and text that is no token 401."""
    issuer.is_away = True
    with pytest.raises(IssuerError):
        source.refresh()
    tokens = Tokens(source._provider, source)
    with pytest.raises(Unavailable):
        tokens.find(issuer.sign())
    with pytest.raises(Unauthorized):
        tokens.find("x")


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        ("/keys", b'{"keys": []}' + b" " * MAX_DOCUMENT_BYTES, "more than 262144 bytes"),
        ("/keys", "/other", "302"),
        (CONFIGURATION, "/other", "302"),
        ("/keys", b"[" * 100_000, "expected a JSON document"),
        ("/keys", b"[]", "a JSON object"),
        ("/keys", b'{"keys": 3}', "a list of at most"),
        ("/keys", b'{"keys": [' + b"0," * MAX_KEYS + b"0]}", "at most 100 keys"),
        (CONFIGURATION, b'{"issuer": "https://other.example"}', "expected the issuer"),
        (CONFIGURATION, b"OTHER-SCHEME", "https address as jwks_uri"),
        (CONFIGURATION, b"PLAIN", "https address as jwks_uri"),
    ],
    ids=[
        *("oversized", "redirect", "redirected-configuration", "deep", "list", "number"),
        *("many-keys", "other-issuer", "file-scheme", "plain-http"),
    ],
)
def test_a_strange_answer_changes_nothing(
    tokens: Tokens, issuer: Issuer, path: str, answer: bytes | str, expected: str
) -> None:
    """The last keys stay. A redirect is not followed."""
    places = {b"OTHER-SCHEME": "file:///etc/passwd", b"PLAIN": "http://keys.example/keys"}
    if isinstance(answer, bytes) and answer in places:
        answer = f'{{"issuer": "{issuer.url}", "jwks_uri": "{places[answer]}"}}'.encode()
    issuer.answers[path] = answer
    issuer.answers["/other"] = b'{"keys": []}'
    with pytest.raises(IssuerError, match=expected):
        tokens.keys.refresh()
    assert tokens.find(issuer.sign()).tenant == "lab"


def test_a_slow_answer_is_bounded(
    tokens: Tokens, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that drips ends at the limit of the whole, which is 0 s here."""
    monkeypatch.setattr(documents, "TOTAL_SECONDS", 0.0)
    with pytest.raises(IssuerError, match="takes more than"):
        tokens.keys.refresh()
    assert jwk(RSA, "one")["kid"] == tokens.keys.current()[0].kid
