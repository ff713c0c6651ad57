"""Certificates: which are trusted, and that no switch changes that they are verified."""

from __future__ import annotations

import gc
import logging
import select
import shutil
import socket
import ssl
import struct
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from paltabrain_fast import SendResult, Transport
from paltabrain_fast.process.reentrancy import is_logging
from paltabrain_fast.transport.deadline import TlsSocket, attempts

from ..support.answers import Answer, Fault, always
from ..support.api_server import ApiServer
from ..support.certificates import Authority
from ..support.programs import run_program
from ..support.scarce import needs
from .conftest import MakeTransport, request


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def assert_refused(transport: Transport, context: ssl.SSLContext) -> None:
    """No byte of a request may reach a server that is not who it must be."""
    with ApiServer(context).serving() as server:
        result = transport.send(request(server.hostname))
        assert result.status is None
        assert isinstance(result.error, ConnectionError)
        assert "certificate" in str(result.error).lower()
        assert server.connections >= 1
        assert server.requests == []


def test_trusted(make_transport: MakeTransport, authority: Authority) -> None:
    transport = make_transport(ca_bundle=authority.ca_file)
    with ApiServer(authority.context()).serving() as server:
        for host in ("localhost", "127.0.0.1"):
            assert transport.send(request(f"{host}:{server.port}")) == SendResult(status=200)


def test_other_name(make_transport: MakeTransport, authority: Authority) -> None:
    transport = make_transport(ca_bundle=authority.ca_file)
    assert_refused(transport, authority.context("example.com"))
    assert_refused(transport, authority.context("localhost.example.com"))
    assert_refused(transport, authority.context("127.0.0.1"))


def test_expired(make_transport: MakeTransport, authority: Authority) -> None:
    transport = make_transport(ca_bundle=authority.ca_file)
    assert_refused(transport, authority.context(valid_days=-1))


def test_untrusted(make_transport: MakeTransport, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    assert_refused(make_transport(), authority.context())
    assert_refused(make_transport(ca_bundle=other.ca_file), authority.context())


def test_kept_alive_connection_of_another_host_is_not_used(
    make_transport: MakeTransport, authority: Authority
) -> None:
    transport = make_transport(ca_bundle=authority.ca_file)
    with ApiServer(authority.context("localhost")).serving() as server:
        assert transport.send(request(server.hostname)).status == 200
        assert transport.send(request(f"127.0.0.1:{server.port}")).status is None
        assert len(server.requests) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_bundle_of_the_environment(
    api: ApiServer,
    make_transport: MakeTransport,
    ca_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, str(ca_file))
    transport = make_transport()
    monkeypatch.setenv(variable, "/no/such")  # it is read once
    assert transport.send(request(api.hostname)).status == 200


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_bundle_that_is_missing_is_named_with_the_variable(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, "/no/such.pem")
    with pytest.raises(FileNotFoundError, match=f"pem, named by {variable}"):
        make_transport()
    with pytest.raises(FileNotFoundError, match="pem, named by ca_bundle"):
        make_transport(ca_bundle="/no/such-either.pem")


def test_given_bundle_wins_over_the_environment(
    make_transport: MakeTransport,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(variable, str(other.ca_file))
    transport = make_transport(ca_bundle=authority.ca_file)
    assert_refused(transport, other.context())
    with ApiServer(authority.context()).serving() as server:
        assert transport.send(request(server.hostname)).status == 200


def test_bundle_may_be_a_directory(
    make_transport: MakeTransport, authority: Authority, tmp_path: Path
) -> None:
    directory = tmp_path / "trusted"
    directory.mkdir()
    assert_refused(make_transport(ca_bundle=directory), authority.context())
    name = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", authority.ca_file],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    shutil.copy(authority.ca_file, directory / f"{name}.0")
    transport = make_transport(ca_bundle=directory)
    with ApiServer(authority.context()).serving() as server:
        assert transport.send(request(server.hostname)).status == 200


def test_missing_bundle_is_named(make_transport: MakeTransport, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no_such"):
        make_transport(ca_bundle=tmp_path / "no_such")


def test_bundle_without_certificates(make_transport: MakeTransport, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(ValueError, match=r"CA bundle without a certificate: .*empty\.pem"):
        make_transport(ca_bundle=empty)


def test_old_protocols_are_refused(make_transport: MakeTransport, authority: Authority) -> None:
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with ApiServer(context).serving() as server:
        transport = make_transport(ca_bundle=authority.ca_file)
        assert isinstance(transport.send(request(server.hostname)).error, ConnectionError)
        assert (server.connections, server.handshakes) == (1, 0)


def test_no_switch_turns_verification_off(
    make_transport: MakeTransport, authority: Authority
) -> None:
    for options in ({"verify": False}, {"cert_reqs": "CERT_NONE"}):
        with pytest.raises(TypeError):
            make_transport(ca_bundle=authority.ca_file, **options)


Replace = Callable[[Path, Path], None]
"""Puts a file in the place of a bundle."""


def in_place(bundle: Path, new: Path) -> None:
    bundle.write_bytes(new.read_bytes())


def by_rename(bundle: Path, new: Path) -> None:
    Path(shutil.copy(new, bundle.with_suffix(".new"))).rename(bundle)


def by_link(bundle: Path, new: Path) -> None:
    """As for a secret that is mounted: the link leads to a directory that is swapped."""
    bundle.unlink()
    bundle.symlink_to(new)


@pytest.fixture
def authorities(tmp_path: Path) -> tuple[Authority, Authority]:
    for name in "old", "new":
        (tmp_path / name).mkdir()
    return Authority(tmp_path / "old"), Authority(tmp_path / "new")


@pytest.fixture
def bundle(authorities: tuple[Authority, Authority], tmp_path: Path) -> Path:
    """A bundle with the old authority."""
    return Path(shutil.copy(authorities[0].ca_file, tmp_path / "bundle.pem"))


def assert_trusted(transport: Transport, context: ssl.SSLContext) -> None:
    with ApiServer(context).serving() as server:
        assert transport.send(request(server.hostname)) == SendResult(status=200)


@pytest.mark.parametrize("replace", [in_place, by_rename, by_link])
@pytest.mark.parametrize("given", [True, False])
def test_bundle_that_was_replaced_is_read_again(
    make_transport: MakeTransport,
    authorities: tuple[Authority, Authority],
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    replace: Replace,
    given: bool,
) -> None:
    old, new = authorities
    if not given:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    transport = make_transport(ca_bundle=bundle) if given else make_transport()
    assert_trusted(transport, old.context())
    assert_refused(transport, new.context())
    replace(bundle, new.ca_file)
    assert_trusted(transport, new.context())
    assert_refused(transport, old.context())


def test_bundle_that_was_replaced_is_read_again_for_a_connection_that_was_cut(
    make_transport: MakeTransport, authorities: tuple[Authority, Authority], bundle: Path
) -> None:
    old, new = authorities
    transport = make_transport(ca_bundle=bundle)
    with ApiServer(old.context()).serving() as server:
        server.answer = always(Answer(fault=Fault.CLOSE_AFTER))
        assert transport.send(request(server.hostname)).status == 200
        server.wait_until_open(0)
        by_rename(bundle, new.ca_file)
        assert transport.send(request(server.hostname)).status is None
        assert len(server.requests) == 1


def remove(bundle: Path) -> None:
    bundle.unlink()


def spoil(bundle: Path) -> None:
    bundle.write_text("no certificate")


@pytest.mark.parametrize("damage", [remove, spoil])
def test_bundle_that_cannot_be_read_again_is_trusted_as_it_was(
    make_transport: MakeTransport,
    authorities: tuple[Authority, Authority],
    bundle: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    class Noting(logging.Filter):
        def filter(self, _record: logging.LogRecord) -> bool:
            were_logging.append(is_logging())
            return True

    old, new = authorities
    were_logging: list[bool] = []
    transport = make_transport(ca_bundle=bundle)
    assert_trusted(transport, old.context())
    damage(bundle)
    with caplog.filtering(Noting()):
        for _ in range(2):
            assert_trusted(transport, old.context())
            assert_refused(transport, new.context())
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert str(bundle) in warning.getMessage()
    assert were_logging == [True]  # so that no handler waits for the batch that it holds up
    in_place(bundle, new.ca_file)
    assert_trusted(transport, new.context())
    assert_refused(transport, old.context())
    assert caplog.records == [warning]


def test_bundle_that_is_the_same_is_read_once(
    api: ApiServer, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsing it takes longer than the rest of a connection."""
    api.answer = always(Answer(fault=Fault.CLOSE_AFTER))
    assert transport.send(request(api.hostname)) == SendResult(status=200)
    api.wait_until_open(0)
    monkeypatch.setattr("urllib3.util.ssl_.create_urllib3_context", None)
    for count in range(2, 5):
        assert transport.send(request(api.hostname)) == SendResult(status=200)
        api.wait_until_open(0)
        assert api.connections == count


def test_bundle_is_read_once_for_all_transports(
    api: ApiServer, make_transport: MakeTransport, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_transport(ca_bundle=ca_file)
    assert first.send(request(api.hostname)) == SendResult(status=200)
    monkeypatch.setattr("urllib3.util.ssl_.create_urllib3_context", None)
    second = make_transport(ca_bundle=ca_file)
    assert second.send(request(api.hostname)) == SendResult(status=200)


def test_bundle_is_read_by_the_first_attempt(
    api: ApiServer, make_transport: MakeTransport, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the process has changed its directory until then."""
    monkeypatch.chdir(ca_file.parent)
    with monkeypatch.context() as patch:
        patch.setattr("urllib3.util.ssl_.create_urllib3_context", None)
        transport = make_transport(ca_bundle=ca_file.name)
    monkeypatch.chdir("/")
    assert transport.send(request(api.hostname)) == SendResult(status=200)


def test_bundle_that_only_looks_like_one_is_told_by_the_first_attempt(
    make_transport: MakeTransport, tmp_path: Path
) -> None:
    bundle = tmp_path / "broken.pem"
    bundle.write_bytes(b"#" * 100_000 + b"\n-----BEGIN CERTIFICATE-----\nnone\n")
    transport = make_transport(ca_bundle=bundle)
    error = transport.send(request("localhost:9")).error
    assert f"CA bundle without a certificate: {bundle}, named by ca_bundle" in str(error)


@needs("gevent")
def test_bundle_is_read_once_among_greenlets() -> None:
    """gevent replaces the class of the contexts."""
    run_program("transport/trust_among_greenlets")


@pytest.mark.parametrize("words", [b"", b"x"], ids=["silent", "talking"])
def test_connection_that_is_reset_before_the_handshake_leaves_no_socket_open(words: bytes) -> None:
    context = ssl.create_default_context()
    context.sslsocket_class = TlsSocket
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        peer.sendall(words)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        is_reset = select.poll()
        is_reset.register(connection, 0)
        assert is_reset.poll(10_000)
    attempt = attempts.current
    outer = attempt.begin(10)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            wrapped = context.wrap_socket(connection, server_hostname="localhost")
        except OSError:
            pass
        else:
            wrapped.close()
        finally:
            attempt.end(outer)
        gc.collect()
    assert not caught
