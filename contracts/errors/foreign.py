"""The errors of requests that are not meant for this service, or come from the page of another one."""

from contracts.errors.tree import HandsOffError


class ForeignHost(HandsOffError):
    """The Host header names a host that this service does not serve; `host` is its value."""

    code = "foreign_host"
    status = 421
    title = "The service does not serve this host"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"Expected a host of this service in the Host header, got {host}. Use localhost or 127.0.0.1, or add the"
            " name to HANDSOFF_ALLOWED_HOSTS where the service runs."
        )
        self.host = host


class ForeignOrigin(HandsOffError):
    """A web page of another origin requests a change; `header` is the header that shows it."""

    code = "foreign_origin"
    status = 403
    title = "Pages of other origins may not make changes"

    def __init__(self, header: str) -> None:
        super().__init__(
            f"Expected a request from a page of this service or from a program, got {header}. Behind a proxy, set"
            " HANDSOFF_PUBLIC_URL to the address that browsers use."
        )
        self.header = header
