"""The CA bundle for clients: the authorities that they trust anyway, and the collector's."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from paltabrain_fast.collector.bundle import write_bundle
from paltabrain_fast.collector.errors import CollectorError

_AUTHORITY = b"-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n"
_COMPANY = b"-----BEGIN CERTIFICATE-----\ncompany\n-----END CERTIFICATE-----"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def test_it_adds_to_the_usual_authorities(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    write_bundle(bundle, _AUTHORITY)
    content = bundle.read_bytes()
    assert content.startswith(Path(certifi.where()).read_bytes().rstrip())
    assert content.endswith(_AUTHORITY)
    assert bundle.stat().st_mode & 0o777 == 0o644


def test_it_adds_to_the_bundle_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company, bundle = tmp_path / "company.pem", tmp_path / "bundle.pem"
    company.write_bytes(_COMPANY)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(company))
    write_bundle(bundle, _AUTHORITY)
    content = bundle.read_bytes()
    assert content.startswith(_COMPANY + b"\n")
    assert content.count(b"BEGIN CERTIFICATE") == 2
    # A shell that has the printed variable starts the collector again, now with another authority.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    write_bundle(bundle, _AUTHORITY.replace(b"ours", b"new"))
    assert bundle.read_bytes() == content.replace(b"ours", b"new")


def test_it_is_left_alone_if_it_has_not_changed(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    write_bundle(bundle, _AUTHORITY)
    before = bundle.stat()
    write_bundle(bundle, _AUTHORITY)
    assert (bundle.stat().st_ino, bundle.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("named", ["missing.pem", "."])
def test_a_bundle_that_is_no_file_means_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / named))
    write_bundle(tmp_path / "bundle.pem", _AUTHORITY)
    usual = Path(certifi.where()).read_bytes().rstrip()
    assert (tmp_path / "bundle.pem").read_bytes().startswith(usual)


def test_a_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(CollectorError, match=r"cannot write .*bundle\.pem"):
        write_bundle(tmp_path / "missing" / "bundle.pem", _AUTHORITY)
