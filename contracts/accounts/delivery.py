"""The delivery of a batch to addresses that its caller may write to, such as presigned URLs of a bucket.

In: a `Destination`, stored apart from the request, because everyone with its URLs may write there. Out: the progress.
"""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from contracts.base import Model, Sha256, Timestamp

NAME = "{name}"
"""The part of a template that is replaced by the name of a file."""
MAX_HEADERS = 10


def checked_url(url: str) -> str:
    """Return an address of HTTP or HTTPS. Raises `ValueError` for any other text, and for one with a user name."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or parts.username is not None or parts.fragment or not url.isascii():
        raise ValueError("Expected an address such as https://example.com/path")
    return url


def _checked_template(url: str) -> str:
    if url.count(NAME) != 1 or NAME not in urlsplit(url).path:
        raise ValueError(
            f"Expected {NAME} once in the path, such as https://example.com/{NAME}?key=1"
        )
    return checked_url(url)


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if not (name.lower().startswith("x-") or name.lower() == "content-type"):
            raise ValueError(
                f"Expected names that begin with 'x-', or 'content-type', got '{name[:50]}'"
            )
    return headers


_Text = Annotated[str, StringConstraints(min_length=8, max_length=4_000)]
Url = Annotated[_Text, AfterValidator(checked_url)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,1000}$")]
Headers = Annotated[
    dict[HeaderName, HeaderValue],
    Field(max_length=MAX_HEADERS),
    AfterValidator(_checked_headers),
]


class UrlDestination(Model):
    """One address for each file, such as presigned PUT URLs. A document without an address is not delivered."""

    kind: Literal["urls"] = "urls"
    shards: Annotated[tuple[Url, ...], Field(min_length=1, max_length=100_000)]
    manifest: Url
    card: Url | None = None
    croissant: Url | None = None
    headers: Headers = Field(default_factory=dict)

    def url_of(self, name: str, shard: int | None) -> str | None:
        """Return the address of a file, or None for one that is not delivered."""
        if shard is not None:
            return self.shards[shard]
        return {"README.md": self.card, "croissant.json": self.croissant}.get(name, self.manifest)

    @property
    def host(self) -> str:
        """The host of the manifest."""
        return urlsplit(self.manifest).hostname or ""


class TemplateDestination(Model):
    """One address with `{name}` in its path, for servers that accept one token for all files."""

    kind: Literal["template"] = "template"
    url: Annotated[_Text, AfterValidator(_checked_template)]
    headers: Headers = Field(default_factory=dict)

    def url_of(self, name: str, shard: int | None) -> str | None:
        """Return the address of a file."""
        return self.url.replace(NAME, name)

    @property
    def host(self) -> str:
        """The host of all files."""
        return urlsplit(self.url).hostname or ""


Destination = Annotated[UrlDestination | TemplateDestination, Field(discriminator="kind")]


class DeliveryTarget(Model):
    """The part of a destination that anyone may see: no path, no query, no header."""

    kind: Literal["urls", "template"]
    host: str


class DeliveryOrder(Model):
    """`delivery/{id}/order.json`: the destination of a batch. Only the process that delivers reads it.

    It is deleted once everything is delivered.
    """

    destination: Destination
    ordered_at: Timestamp


DeliveryStatus = Literal["waiting", "delivering", "delivered", "failed"]


class DeliveryProgress(Model):
    """`delivery/{id}/progress.json`: the files that are delivered, in their order, and the last error.

    `attempts` counts the failures since the last file that was delivered.
    """

    target: DeliveryTarget
    status: DeliveryStatus
    num_files: Annotated[int, Field(ge=0)] = 0
    num_delivered: Annotated[int, Field(ge=0)] = 0
    attempts: Annotated[int, Field(ge=0)] = 0
    error: str | None = None
    due_at: Timestamp | None = None
    finished_at: Timestamp | None = None


class DeliveredFile(Model):
    """A file in the manifest of a delivery."""

    name: str
    num_bytes: int
    sha256: Sha256


class DeliveryManifest(Model):
    """`manifest.json` at the destination, delivered last: a destination that has it has all files."""

    batch: str
    num_samples: int
    files: tuple[DeliveredFile, ...]
