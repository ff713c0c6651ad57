"""Hostnames, and what URLs they stand for."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from paltabrain_fast.transport.urls import base_url


@pytest.mark.parametrize(
    ("hostname", "url"),
    [
        ("telemetry.example.com", "https://telemetry.example.com"),
        ("https://telemetry.example.com", "https://telemetry.example.com"),
        ("https://telemetry.example.com/", "https://telemetry.example.com"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("localhost:8443", "https://localhost:8443"),
        ("[::1]", "https://[::1]"),
        ("[::1]:8443", "https://[::1]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
        ("a_b.example.com.", "https://a_b.example.com."),
        ("127.0.0.1:65535", "https://127.0.0.1:65535"),
        ("[::ffff:127.0.0.1]:1", "https://[::ffff:127.0.0.1]:1"),
        ("a" * 63 + ".example", "https://" + "a" * 63 + ".example"),
    ],
)
def test_hostname(hostname: str, url: str) -> None:
    assert base_url(hostname) == url


@pytest.mark.parametrize(
    "hostname",
    [
        "",
        ":443",
        "host:",
        "host:0",
        "host:65536",
        "host:1:2",
        "host:+1",
        "ho st",
        "host\n",
        "host\x00",
        "host/",
        "host?x",
        "host#x",
        "user@host",
        "user:password@host",
        "https://",
        "https:///",
        "https://host//",
        "https://host/x",
        "https://user@host",
        "https://https://host",
        "https://http://localhost",
        "http://https://localhost",
        "HTTPS://host",
        "::1",
        "[zz]",
        "hôst",
        "http://host",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://",
        "http://localhost@example.com",
        "http://localhost\\@example.com",
        "http://localhost#@example.com",
        "http://localhost.example.com",
        "http://127.0.0.1%2eexample.com",
        "http://127.1",
        "http://2130706433",
        "http://http://localhost",
        "HTTP://localhost",
        "host:\u0663",
        "host:443\n",
        "host:443:443",
        "host\r\nX-Injected: y",
        "host\t",
        " host",
        "host\u00a0",
        "host\u200b",
        "\uff48ost",
        "host\u3002example",
        "ho%73t",
        "host%00",
        "host\\x",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:",
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]:443",
        "[127.0.0.1]",
        "127.0.0.1.",
        "127.0.0.01",
        "1.2.3",
        "0x7f.1",
        "1.2.3.4.5",
        ".",
        "..",
        "host..",
        ".host",
        "a..b",
        "-host",
        "host-",
        "a" * 64,
        "a." * 127,
        "*.example.com",
    ],
)
def test_bad_hostname(hostname: str) -> None:
    with pytest.raises(ValueError, match="hostname"):
        base_url(hostname)


@given(st.text() | st.text("a1.-_:[]%@/\\?#x\n\r\t \0\u0663\u3002", max_size=12))
@example("a.:1")
@example("[::1]:1")
def test_any_text_is_a_host_or_an_error(hostname: str) -> None:
    """A host is the same one to everybody who takes the URL apart."""
    try:
        url = base_url(hostname)
    except ValueError:
        return
    assert url.isascii()
    assert url.count("/") == 2
    split, parsed = urlsplit(url), parse_url(url)
    assert split.username is None
    assert parsed.auth is None
    assert parsed.host is not None
    assert split.hostname == parsed.host.strip("[]").lower()
    assert split.port == parsed.port
    assert url in (f"https://{hostname}", hostname)
