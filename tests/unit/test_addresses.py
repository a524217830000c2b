"""Which addresses may be fetched from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kling_core.media.safe_urls import MediaHosts, public

FINE = [
    "https://example.com/photo.jpg",
    "https://example.com:443/a%20b.png?x=1&y=http://127.0.0.1/",
    "https://93.184.215.14/photo.jpg",
    "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/photo.jpg",
    "https://bücher.example/photo.jpg",
    "https://[64:ff9b::93.184.215.14]/photo.jpg",
    "https://[::ffff:93.184.215.14]/photo.jpg",
]

REFUSED = {
    "http://example.com/photo.jpg": "not https",
    "file:///etc/passwd": "not https",
    "ftp://example.com/a": "not https",
    "gopher://example.com/a": "not https",
    "//example.com/a": "not https",
    "https:///photo.jpg": "no host",
    "https://user@example.com/": "user name",
    "https://user:secret@example.com/": "user name",
    "https://example.com@127.0.0.1/": "user name",
    "https://example.com:8443/": "port 8443",
    "https://example.com:99999/": "no URL",
    "https://127.0.0.1/": "loopback",
    "https://127.1/": "in disguise",
    "https://2130706433/": "in disguise",
    "https://0x7f000001/": "in disguise",
    "https://0x7f.1/": "in disguise",
    "https://0177.0.0.1/": "in disguise",
    "https://0/": "in disguise",
    "https://0.0.0.0/": "private",
    "https://10.1.2.3/": "private",
    "https://172.16.0.1/": "private",
    "https://192.168.1.1/": "private",
    "https://100.64.0.1/": "private",
    "https://169.254.169.254/latest/meta-data": "link-local",
    "https://224.0.0.1/": "private",
    "https://255.255.255.255/": "private",
    "https://[::1]/": "loopback",
    "https://[fe80::1]/": "link-local",
    "https://[fe80::1%25eth0]/": "link-local",
    "https://[fc00::1]/": "private",
    "https://[::ffff:127.0.0.1]/": "loopback",
    "https://[::ffff:a9fe:a9fe]/": "link-local",
    "https://[64:ff9b::7f00:1]/": "loopback",
    "https://[2002:7f00:1::]/": "loopback",
    "https://[::127.0.0.1]/": "loopback",
    "https://[::93.184.215.14]/": "private",
    "https://[::ffff:0:127.0.0.1]/": "loopback",
    "https://[64:ff9b:1::7f00:1]/": "loopback",
    "https://[fec0::1]/": "private",
    "https://192.88.99.1/": "private",
    "https://[2002:c058:6301::]/": "private",
    "https://１２７.0.0.1/": "loopback",
    "https://127。0。0。1/": "loopback",
    "https://localhost/": "private network",
    "https://localhost./": "private network",
    "https://LOCALHOST/": "private network",
    "https://api.localhost/": "private network",
    "https://printer.local/": "private network",
    "https://metadata.google.internal/": "private network",
    "https://intranet/": "private network",
    "https://router.localdomain/": "private network",
    "https://nas.private/": "private network",
    "https://service.test/": "private network",
    "https://nowhere.invalid/": "private network",
    "https://example.com\\@127.0.0.1/": "backslashes",
    "https://exam ple.com/": "spaces",
    "https://example.com/\r\nHost: evil": "spaces",
    "https://example.com/\x00": "control characters",
}


@pytest.mark.parametrize("url", FINE)
def test_public(url: str):
    assert public(url) == ""


@pytest.mark.parametrize("url", REFUSED)
def test_not_public(url: str):
    """Each is refused for its own reason."""
    assert REFUSED[url] in public(url)


def hosts(*addresses: str, **options: Sequence[str]) -> MediaHosts:
    """Every name leads to these addresses."""
    return MediaHosts(resolve=lambda _: addresses, **options)


def test_known_hosts_that_lead_out():
    """Domains with all their hosts, and no others that only look like them."""
    rule = hosts("93.184.215.14")
    assert rule.judge("https://v15-kling.klingai.com/clip.mp4") == ""
    assert rule.judge("https://cdn.klingai.com./clip.mp4") == ""
    for host in ("evilklingai.com", "klingai.com.evil.example", "example.com", "93.184.215.14"):
        assert "none of Kling's media hosts" in rule.judge(f"https://{host}/clip.mp4")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "::ffff:10.0.0.8", "fe80::1%eth0"],
)
def test_a_known_host_that_leads_inward(address: str):
    """One private address among public ones is enough."""
    rule = hosts("93.184.215.14", address)
    assert f"leads to {address}" in rule.judge("https://cdn.klingai.com/clip.mp4")


def test_a_host_that_leads_nowhere():
    def fails(_: str) -> Sequence[str]:
        raise OSError("no such name")

    rule = MediaHosts(resolve=fails)
    assert "cannot be looked up" in rule.judge("https://cdn.klingai.com/clip.mp4")
    assert "leads nowhere" in hosts().judge("https://cdn.klingai.com/clip.mp4")


def test_an_origin_is_exact():
    """The sandbox's own address is allowed, and no other of its host."""
    rule = hosts(origins=("http://127.0.0.1:8787",))
    assert rule.judge("http://127.0.0.1:8787/media/a.mp4") == ""
    for url in ("http://127.0.0.1:8788/a", "https://127.0.0.1:8787/a", "http://127.0.0.1:8787@x/a"):
        assert rule.judge(url)
