"""Hostnames and session ids as the options take them; the rest is tested through the SDK."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paltabrain_fast.options import base_url, session_wire_id


@pytest.mark.parametrize(
    ("hostname", "url"),
    [
        ("telemetry.example.com", "https://telemetry.example.com"),
        ("localhost:8443", "https://localhost:8443"),
        ("[::1]", "https://[::1]"),
        ("[::1]:8443", "https://[::1]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
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
        "https://host",
        "::1",
        "[zz]",
        "hôst",
        "http://host",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://",
    ],
)
def test_bad_hostname(hostname: str) -> None:
    with pytest.raises(ValueError, match="hostname"):
        base_url(hostname)


@given(st.text())
def test_any_text_is_a_host_or_an_error(hostname: str) -> None:
    try:
        url = base_url(hostname)
    except ValueError:
        return
    assert url.isascii()
    assert url.count("/") == 2


@given(st.uuids())
def test_any_uuid_fits_the_wire(uuid: object) -> None:
    wire = session_wire_id(str(uuid))
    assert wire is None or 0 < wire < 2**63


@pytest.mark.parametrize("value", [True, 1.0, b"x", "", "x", 2**63, -(2**63) - 1, [], "0" * 31])
def test_bad_session_id(value: object) -> None:
    with pytest.raises(ValueError, match="session_id"):
        session_wire_id(value)  # type: ignore[arg-type]
