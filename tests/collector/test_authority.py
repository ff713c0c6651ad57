"""The collector's authority: kept as long as it can be used, and replaced otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from paltabrain_fast.collector.authority import load_or_create_authority
from paltabrain_fast.collector.errors import CollectorError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Create an authority; return the files of its certificate and its key."""
    certificate, key = tmp_path / "ca.pem", tmp_path / "ca.key"
    load_or_create_authority(certificate, key)
    return certificate, key


def test_it_is_kept(files: tuple[Path, Path]) -> None:
    before = [path.read_bytes() for path in files]
    authority = load_or_create_authority(*files)
    assert [path.read_bytes() for path in files] == before
    assert [authority.cert_pem.bytes(), authority.private_key_pem.bytes()] == before


def _make_it_end_in(files: tuple[Path, Path], left: timedelta) -> None:
    certificate, key = files
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ending")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=private_key.public_key(),
        serial_number=1,
        not_valid_before=datetime.now(UTC) - timedelta(days=30),
        not_valid_after=datetime.now(UTC) + left,
    )
    signed = builder.sign(private_key, hashes.SHA256())
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def test_it_is_kept_until_shortly_before_it_expires(files: tuple[Path, Path]) -> None:
    _make_it_end_in(files, timedelta(days=2))
    before = files[0].read_bytes()
    assert load_or_create_authority(*files).cert_pem.bytes() == before


SPOILT: dict[str, Callable[[tuple[Path, Path]], object]] = {
    "expired": lambda files: _make_it_end_in(files, timedelta(days=-1)),
    "about to expire": lambda files: _make_it_end_in(files, timedelta(hours=1)),
    "no certificate": lambda files: files[0].unlink(),
    "no key": lambda files: files[1].unlink(),
    "garbage for a certificate": lambda files: files[0].write_bytes(b"\x00"),
    "garbage for a key": lambda files: files[1].write_text("-----BEGIN PRIVATE KEY-----"),
    "another's key": lambda files: files[1].write_bytes(trustme.CA().private_key_pem.bytes()),
    "a key that others may read": lambda files: files[1].chmod(0o640),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_it_is_replaced(
    files: tuple[Path, Path], spoil: Callable[[tuple[Path, Path]], object]
) -> None:
    before = files[0].read_bytes()
    spoil(files)
    authority = load_or_create_authority(*files)
    assert authority.cert_pem.bytes() == files[0].read_bytes() != before
    assert authority.private_key_pem.bytes() == files[1].read_bytes()
    assert files[1].stat().st_mode & 0o777 == 0o600
    assert files[0].stat().st_mode & 0o777 == 0o644
    assert set(files[0].parent.iterdir()) == set(files)


def test_a_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "ca.key").mkdir()
    with pytest.raises(CollectorError, match=r"cannot write .*ca\.key: Is a directory"):
        load_or_create_authority(tmp_path / "ca.pem", tmp_path / "ca.key")
    assert [path.name for path in tmp_path.iterdir()] == ["ca.key"]
