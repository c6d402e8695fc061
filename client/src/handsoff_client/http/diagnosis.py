"""Explain why an address does not answer as HandsOff does, and what to do."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2

from handsoff_client.errors import InvalidAnswer, Unreachable

_RETRY_HINT = "Start the service there, or give its address with --url or HANDSOFF_URL."
_MAX_SHOWN = 200


def unreachable(error: httpx2.HTTPError, url: httpx2.URL) -> Unreachable:
    """Return the error for a request without an answer."""
    result = Unreachable(_why(error, origin_of(url)))
    result.__cause__ = error
    return result


def is_refused(error: BaseException | None) -> bool:
    """Return True when no connection was possible, as with a wrong address: a retry seldom helps."""
    return isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol)


def not_handsoff(url: httpx2.URL, status: int, media_type: str) -> InvalidAnswer:
    """Return the error for an answer that is not from HandsOff: a web page, another program."""
    return InvalidAnswer(
        f"Expected an answer of HandsOff, got {status} with {_media(media_type)} from {display_url(url)}."
        " Check address and port. Give them with --url or HANDSOFF_URL."
    )


def redirected(url: httpx2.URL, status: int, location: str) -> InvalidAnswer:
    """Return the error for a redirect. Redirects are not followed, because a POST would lose its body."""
    return InvalidAnswer(
        f"{display_url(url)} answered {status} and redirects to {location[:_MAX_SHOWN]!a}."
        " Give that address with --url or HANDSOFF_URL."
    )


def display_url(url: httpx2.URL) -> str:
    """Return a URL for a message: without the query, which may contain a signature, and without a password."""
    return f"{origin_of(url)}{url.path}"[:_MAX_SHOWN]


def origin_of(url: httpx2.URL) -> str:
    """Return scheme, host and port of a URL."""
    host = urlsplit(str(url)).netloc.rpartition("@")[2]
    return f"{url.scheme}://{host}"


def _why(error: httpx2.HTTPError, origin: str) -> str:
    """Return the most likely cause in words: most network errors come from a wrong address."""
    rest = origin.partition("://")[2]
    causes = list(_causes(error))
    for kind, words in _CAUSES:
        if any(isinstance(cause, kind) for cause in causes):
            return words.format(origin=origin, rest=rest, cause=_text(error), hint=_RETRY_HINT)
    return f"{origin} does not answer ({_text(error)}). {_RETRY_HINT}"


_CAUSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (
        ssl.SSLCertVerificationError,
        (
            "This machine does not trust the certificate of {origin} ({cause})."
            " Install its issuer, or set SSL_CERT_FILE to a file that contains it."
        ),
    ),
    (ssl.SSLError, "{origin} does not speak HTTPS ({cause}). Try http://{rest}."),
    (
        socket.gaierror,
        "{origin} does not answer: the host does not exist ({cause}). Check its spelling.",
    ),
    (ConnectionRefusedError, "{origin} does not answer: no program listens there. {hint}"),
    (
        httpx2.ConnectTimeout,
        "{origin} does not answer: the connection timed out. Check the address, the network and firewalls.",
    ),
    (
        httpx2.ReadTimeout,
        "{origin} does not answer: it accepted the connection, but sent nothing in time. {hint}",
    ),
    (
        (httpx2.RemoteProtocolError, httpx2.ReadError),
        (
            "{origin} does not answer with HTTP ({cause}). If it serves HTTPS, use https://{rest}. If another program"
            " listens there, correct the port."
        ),
    ),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that caused it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _text(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:_MAX_SHOWN]


def _media(media_type: str) -> str:
    return f"'{media_type[:50]}'" if media_type.isprintable() and media_type else "no content type"
