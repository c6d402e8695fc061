"""Webhooks go to public addresses only: no URL of a caller reaches the operator's network."""

import pytest

from workers.outgoing.addresses import RefusedAddress, networks_of, target_of

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:0a00:0001::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused(address: str) -> None:
    """Also inside an IPv6 address, and that of the cloud's metadata service."""
    with pytest.raises(RefusedAddress, match="not public"):
        target_of("https://example.com/x", (), lambda *_: [address])


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14"])
def test_a_public_address_is_used(address: str) -> None:
    """The name stays for TLS and the Host header."""
    target = target_of("https://example.com:8443/x?y=1", (), lambda *_: [address])
    assert (target.host, target.authority, target.path) == (
        "example.com",
        "example.com:8443",
        "/x?y=1",
    )
    assert address.endswith(target.address)


def test_a_name_with_one_private_address_is_refused() -> None:
    """A name that has both may be an attempt to get the second one."""
    with pytest.raises(RefusedAddress):
        target_of("https://example.com", (), lambda *_: ["93.184.215.14", "10.0.0.1"])


def test_allowed_networks_may_be_private_and_without_tls() -> None:
    """Only these."""
    allowed = networks_of("10.0.0.0/8, fd00::/8")
    assert target_of("http://box/x", allowed, lambda *_: ["10.9.9.9"]).address == "10.9.9.9"
    assert target_of("http://box/x", allowed, lambda *_: ["fd00::1"]).authority == "box"
    with pytest.raises(RefusedAddress, match="not public"):
        target_of("http://box/x", allowed, lambda *_: ["192.168.0.1"])
    with pytest.raises(RefusedAddress, match="needs https"):
        target_of("http://box/x", allowed, lambda *_: ["93.184.215.14"])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "https://",
        "https://user@example.com",
        "https://example.com:99999/",
        "x",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    """Before its name is resolved."""
    with pytest.raises(RefusedAddress):
        target_of(url, (), lambda *_: pytest.fail("resolved"))


def test_the_name_is_resolved_once() -> None:
    """A name that leads elsewhere a moment later (DNS rebinding) changes nothing."""
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    target = target_of("https://example.com", (), lambda *_: answers.pop(0))
    assert target.address == "93.184.215.14"
    assert len(answers) == 1


def test_a_wrong_network_is_named() -> None:
    """The process does not start with it."""
    with pytest.raises(ValueError, match="has host bits set"):
        networks_of("10.0.0.1/8")
