"""What is wrong with an address that does not answer as HandsOff does, in words that say what to do."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2

from handsoff_client.errors import InvalidAnswer, Unreachable

_RETRY_HINT = "Start the service there, or give its address by --url or HANDSOFF_URL."
_MAX_SHOWN = 200


def unreachable(error: httpx2.HTTPError, url: httpx2.URL) -> Unreachable:
    """The error for a request that got no answer."""
    found = Unreachable(_why(error, origin_of(url)))
    found.__cause__ = error
    return found


def is_refused(error: BaseException | None) -> bool:
    """Return True when no connection could be made, as at a wrong address: asking again seldom helps."""
    return isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol)


def not_handsoff(url: httpx2.URL, status: int, media_type: str) -> InvalidAnswer:
    """The error for an answer that is none of the service's: a web page, another program."""
    return InvalidAnswer(
        f"{shown(url)} answered {status} with {_media(media_type)}, not as HandsOff does."
        " Is this the service's address and port? Give it by --url or HANDSOFF_URL."
    )


def redirected(url: httpx2.URL, status: int, location: str) -> InvalidAnswer:
    """The error for a redirect: a POST would lose its body on the way, so none is followed."""
    return InvalidAnswer(
        f"{shown(url)} answered {status} and points to {location[:_MAX_SHOWN]!a}."
        " Give the address that it points to by --url or HANDSOFF_URL."
    )


def shown(url: httpx2.URL) -> str:
    """A URL for a message: without the query, which may hold a signature, and without a password."""
    return f"{origin_of(url)}{url.path}"[:_MAX_SHOWN]


def origin_of(url: httpx2.URL) -> str:
    """Scheme, host and port of a URL."""
    host = urlsplit(str(url)).netloc.rpartition("@")[2]
    return f"{url.scheme}://{host}"


def _why(error: httpx2.HTTPError, origin: str) -> str:
    """The likeliest cause first: most errors of the network are a wrong address."""
    rest = origin.partition("://")[2]
    causes = list(_causes(error))
    for kind, words in _CAUSES:
        if any(isinstance(cause, kind) for cause in causes):
            return words.format(origin=origin, rest=rest, said=_said(error), hint=_RETRY_HINT)
    return f"{origin} does not answer ({_said(error)}). {_RETRY_HINT}"


_CAUSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (
        ssl.SSLCertVerificationError,
        (
            "This machine does not trust the certificate of {origin} ({said})."
            " Install its issuer, or set SSL_CERT_FILE to a file that has it."
        ),
    ),
    (ssl.SSLError, "{origin} does not speak HTTPS ({said}). Try http://{rest}."),
    (
        socket.gaierror,
        "{origin} does not answer: there is no such host ({said}). Check its spelling.",
    ),
    (ConnectionRefusedError, "{origin} does not answer: nothing listens there. {hint}"),
    (
        httpx2.ConnectTimeout,
        "{origin} does not answer: no connection in time. Check the address, the network and firewalls.",
    ),
    (
        httpx2.ReadTimeout,
        "{origin} does not answer: it took the connection, but nothing was sent in time. {hint}",
    ),
    (
        (httpx2.RemoteProtocolError, httpx2.ReadError),
        (
            "{origin} does not answer with HTTP ({said}). If it serves HTTPS, use https://{rest}; if another program"
            " listens there, correct the port."
        ),
    ),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _said(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:_MAX_SHOWN]


def _media(media_type: str) -> str:
    return f"'{media_type[:50]}'" if media_type.isprintable() and media_type else "no content type"
