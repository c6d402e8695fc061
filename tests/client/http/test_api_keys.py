"""The API key is sent to the service and nowhere else."""

import logging
from pathlib import Path

import httpx2
import pytest

from handsoff_client import HandsOff, InvalidInput, Retries, Unauthorized
from handsoff_client.cli.commands import main
from handsoff_client.errors import InvalidAnswer
from handsoff_client.http.api_keys import KEY_VARIABLE, ApiKey
from handsoff_client.http.downloads import download, sha256_of
from handsoff_client.http.first_samples import first_samples
from tests.client.conftest import Service, job, problem, tar_of

KEY = f"hk_{'1' * 12}_{'2' * 64}"
LINK = "http://store.example/shard.tar?signature=x"


def client_of(service: Service, api_key: str | None = KEY) -> HandsOff:
    """Return a client with a key."""
    http = httpx2.Client(base_url="http://service", transport=httpx2.MockTransport(service.handle))
    return HandsOff(api_key=api_key, http=http, retries=Retries(sleep=service.waits.append))


def fit() -> httpx2.Response:
    """Return the answer for a fit."""
    return httpx2.Response(200, json=job("fit", "succeeded"))


def sent(service: Service) -> list[str | None]:
    """Return the `Authorization` of each request."""
    return [request.headers.get("Authorization") for request in service.requests]


def test_every_request_of_the_api_has_the_key(service: Service) -> None:
    """Each attempt too."""
    service.answers = [httpx2.Response(503), fit()]
    client_of(service).fits.get("fit_1")
    assert sent(service) == [f"Bearer {KEY}"] * 2


def test_the_environment_has_the_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the argument gives another one."""
    monkeypatch.setenv(KEY_VARIABLE, "hk_of_the_environment\n")
    service.answers = [fit(), fit()]
    client_of(service, None).fits.get("fit_1")
    client_of(service).fits.get("fit_1")
    assert sent(service) == ["Bearer hk_of_the_environment", f"Bearer {KEY}"]


def test_without_a_key_none_is_sent(service: Service) -> None:
    """As before."""
    service.answers = [fit()]
    client_of(service, None).fits.get("fit_1")
    assert sent(service) == [None]


def test_signed_links_get_no_key(service: Service, tmp_path: Path) -> None:
    """Neither a download, nor an upload, nor a preview, on the service's own host or on the store's."""
    data = tar_of(range(1))
    file = tmp_path / "file"
    file.write_bytes(data)
    client = client_of(service)
    for link in (LINK, "http://service/v1/files/x?signature=y"):
        service.answers = [httpx2.Response(200, stream=httpx2.ByteStream(data)) for _ in range(4)]
        target = tmp_path / f"{len(service.requests)}"
        download(
            client.transport,
            link,
            target,
            sha256=sha256_of(file),
            num_bytes=len(data),
            renew=lambda: LINK,
        )
        client.transport.read(link)
        client.transport.send(link, file)
        first_samples(client.transport.http, link, 1)
    assert sent(service) == [None] * 8


def test_a_redirect_gets_no_key(service: Service) -> None:
    """It is not followed, so a service that is replaced by another host gets one request."""
    other = {"Location": "http://other.example/v1/fits/fit_1"}
    service.answers = [httpx2.Response(307, headers=other)]
    with pytest.raises(InvalidAnswer, match="redirects") as caught:
        client_of(service).fits.get("fit_1")
    assert [request.url.host for request in service.requests] == ["service"]
    assert KEY not in str(caught.value)


def test_the_first_contact_gets_no_key(service: Service) -> None:
    """A wrong address may be another program."""
    service.answers = [httpx2.Response(404), problem(401, "unauthorized")]
    client_of(service).check_contact()
    assert sent(service) == [None, None]


def test_a_refused_key_is_an_error_of_its_own(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not retried, and neither the error nor the log shows the key."""
    caplog.set_level(logging.DEBUG)
    service.answers = [problem(401, "unauthorized")]
    with pytest.raises(Unauthorized) as caught:
        client_of(service).fits.get("fit_1")
    assert service.waits == []
    assert KEY not in repr(caught.value) + caplog.text


def test_no_repr_has_the_key(service: Service) -> None:
    """Tracebacks and logs show representations."""
    client = client_of(service)
    shown = repr([client, client.transport, vars(client), vars(client.transport), ApiKey(KEY)])
    assert "2" * 64 not in shown


@pytest.mark.parametrize("text", ["hk_1\nX: y", "hk 1", "hk_\u00e9", "\u0661"])
def test_a_key_that_no_header_can_have_is_refused(text: str) -> None:
    """The message does not repeat it."""
    with pytest.raises(InvalidInput, match=KEY_VARIABLE) as caught:
        HandsOff("http://127.0.0.1:1", api_key=text)
    assert text not in str(caught.value)


def test_the_command_line_refuses_a_wrong_key(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line that does not show it; `--api-key` may follow the subcommand."""
    assert main(["fits", "--api-key", "hk_ secret"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("handsoff: Expected an API key")
    assert "secret" not in error
