"""``paltabrain-sdk-download-config``: downloads the config module and installs it completely."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import requests
import urllib3

from ..constant import (
    API_KEY_VARIABLE,
    CONTENT_TYPE,
    ENDPOINT_CONFIG,
    HOSTNAME_VARIABLE,
    SDK_NAME,
)
from ..errors import PaltabrainError
from ..process.masking import masked
from ..schema.names import check_module_name
from ..transport.headers import checked_api_key
from ..transport.urls import base_url
from ..version import __version__
from .config_archive import ArchiveError, point_imports_at, unpack
from .parser import OneLineParser, parse_known_options
from .placement import check_target, place

__all__ = [
    "OPTIONS",
    "DownloadError",
    "config_answer",
    "download_config_zip",
    "main",
    "read_body",
    "status_problem",
]

OPTIONS: Final = ("--hostname", "--api-key", "--overwrite", "--keep-import")

_PROGRAM: Final = "paltabrain-sdk-download-config"

_MAX_DOWNLOAD_BYTES: Final = 8 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_WAIT_SECONDS: Final = 10.0  # for the connection, and for each piece of the answer
_BODY_SECONDS: Final = 120.0  # for the whole body, however it trickles in

_STATUS_HINTS: Final = {
    401: "the API key was refused",
    403: "the API key was refused",
    404: "there is no config module at this hostname",
}


class DownloadError(PaltabrainError):
    """The config module could not be downloaded; the text is shown to the user."""


def main(argv: list[str] | None = None) -> int:
    """Download the config module into the directory that the arguments name.

    Args:
        argv: the command-line arguments, ``sys.argv[1:]`` if not given.

    Returns:
        The exit code: 0, or 1 after one line on stderr.

    Raises:
        SystemExit: with code 2 after a usage error, 0 after ``--help``.
    """
    parser = _parser()
    arguments = _parse(parser, argv)
    try:
        url = base_url(arguments.hostname) + ENDPOINT_CONFIG
        target = _target(arguments.module_path)
    except ValueError as error:
        parser.error(_one_line(error))
    try:
        with _termination_as_interrupt():
            _install(url, arguments.api_key, target, arguments.overwrite, arguments.keep_import)
    except ArchiveError as error:
        problem = _one_line(f"{error.problem}{masked(error.detail, arguments.api_key)}")
    except (PaltabrainError, OSError) as error:
        problem = _one_line(error)
    except KeyboardInterrupt:
        problem = "interrupted"
    else:
        print(f"Downloaded the config module to {str(target)!r}")
        return 0
    print(f"{_PROGRAM}: error: {problem}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=_PROGRAM,
        description="Download the Python config module of your PaltaBrain schema.",
        epilog="The module is installed completely or not at all: if anything fails, "
        "existing files stay as they were.",
    )
    parser.add_argument(
        "--hostname",
        default=os.environ.get(HOSTNAME_VARIABLE),
        help=f"'host' or 'host:port' of the API, with or without https:// "
        f"(default: ${HOSTNAME_VARIABLE})",
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get(API_KEY_VARIABLE),
        help=f"API key (default: ${API_KEY_VARIABLE}, which other users cannot see)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace existing files of the same names; other files stay",
    )
    parser.add_argument(
        "--keep-import",
        action="store_true",
        help="leave 'from paltabrain_sdk import ...' in the module as it is served, "
        "instead of pointing it at paltabrain_fast",
    )
    parser.add_argument(
        "module_path",
        help="directory of the module, missing or empty; missing parent directories are created",
    )
    return parser


def _parse(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    arguments = parse_known_options(parser, argv, surplus="more than one module_path")
    credentials = {
        f"--hostname (or {HOSTNAME_VARIABLE})": arguments.hostname,
        f"--api-key (or {API_KEY_VARIABLE})": arguments.api_key,
    }
    missing = [name for name, value in credentials.items() if not value]
    if missing:
        parser.error("missing " + " and ".join(missing))
    try:
        arguments.api_key = checked_api_key("--api-key", arguments.api_key)
    except ValueError as error:
        parser.error(str(error))
    return arguments


def _target(module_path: str) -> Path:
    """Return the absolute path of the module; links are resolved in its parents, not in itself."""
    path = Path(module_path)
    if module_path and path == Path():  # the current directory
        path = Path.cwd()
    if path.name in ("", ".."):
        raise ValueError(f"module_path must end in the name of the module, not {module_path!r}")
    try:
        check_module_name(path.name)
    except ValueError as error:
        raise ValueError(f"module_path: {error}") from None
    return Path(os.path.realpath(path.parent), path.name)


def _install(url: str, api_key: str, target: Path, overwrite: bool, keep_import: bool) -> None:
    import_done = keep_import

    def write(new: Path) -> None:
        nonlocal import_done
        unpack(_download(url, api_key), new)
        import_done = import_done or _point_imports_at_us(new / "__init__.py")

    check_target(target, overwrite=overwrite)
    place(write, target, overwrite=overwrite)
    if not import_done:
        note = "no 'from paltabrain_sdk import ...' in the module's __init__.py: left as served"
        print(f"{_PROGRAM}: note: {note}", file=sys.stderr)


def _point_imports_at_us(init: Path) -> bool:
    """Make the module import from this package; return whether it had an import to change."""
    source = point_imports_at("paltabrain_fast", init.read_bytes())
    if source is not None:
        init.write_bytes(source)
    return source is not None


def download_config_zip(hostname: str, api_key: str) -> bytes:
    """Download the config module as the server sends it: a ZIP of the package's files.

    Args:
        hostname: ``host`` or ``host:port`` of the API, as ``PaltabrainSdk`` takes it.
        api_key: key for authentication.

    Raises:
        DownloadError: the server did not send it, or not within the limits of time and size.
        TypeError, ValueError: an argument is not a hostname, or not an API key.
    """
    key = checked_api_key("api_key", api_key)
    return _download(base_url(hostname) + ENDPOINT_CONFIG, key)


def _download(url: str, api_key: str) -> bytes:
    try:
        with config_answer(url, api_key) as response:
            if problem := status_problem(response.status_code):
                raise DownloadError(problem)
            return read_body(response.raw)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        reason = masked(_reason(error), api_key)
        raise DownloadError(f"download from {url} failed: {reason}") from error


@contextmanager
def config_answer(url: str, api_key: str) -> Iterator[requests.Response]:
    """Ask for the config module, while the block runs: status and headers are there, no body yet.

    Args:
        url: of the module.
        api_key: key for authentication.

    Raises:
        requests.RequestException: there is no answer.
    """
    headers = {
        "Content-Type": CONTENT_TYPE,
        "X-API-Key": api_key,
        "X-SDK-Name": SDK_NAME,
        "X-SDK-Version": __version__,
        "Accept-Encoding": "identity",  # so that a small answer cannot grow in memory
    }
    with requests.Session() as session:
        # Plain HTTP is allowed on loopback only; a proxy of the environment must not see the key.
        session.trust_env = url.startswith("https:")
        with session.get(
            url, headers=headers, timeout=_WAIT_SECONDS, allow_redirects=False, stream=True
        ) as response:
            yield response


def status_problem(status: int) -> str | None:
    """Say what is wrong if the server has answered with this status; ``None`` if nothing is."""
    if 300 <= status < 400:
        return f"HTTP status {status}: redirects are not followed"
    if status != 200:
        hint = _STATUS_HINTS.get(status, "the server did not send the config module")
        return f"HTTP status {status}: {hint}"
    return None


def read_body(body: urllib3.HTTPResponse) -> bytes:
    """Read the whole body, within the limits of size and time.

    Raises:
        DownloadError: it exceeds a limit.
        urllib3.exceptions.HTTPError: the connection failed, or the body is cut short.
    """
    deadline = time.monotonic() + _BODY_SECONDS
    received = bytearray()
    with _Progress(body.length_remaining) as progress:
        # `read1` returns what has arrived; `read` would wait for a whole chunk.
        while chunk := body.read1(_CHUNK_BYTES, decode_content=False):
            received += chunk
            progress.show(len(received))
            if len(received) > _MAX_DOWNLOAD_BYTES:
                raise DownloadError(f"the answer exceeds {_MAX_DOWNLOAD_BYTES} bytes")
            if time.monotonic() > deadline:
                raise DownloadError(f"the answer took more than {_BODY_SECONDS:.0f} seconds")
    return bytes(received)


class _Progress:
    """A line on stderr that counts bytes; it is not shown if stderr is no terminal."""

    def __init__(self, total: int | None) -> None:
        self._of_total = "" if total is None else f" of {total:,}"
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        return self

    def show(self, received: int) -> None:
        if self._visible:
            print(f"\r{received:,}{self._of_total} bytes", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_error: object) -> None:
        if self._visible:
            print(file=sys.stderr)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Make SIGTERM raise ``KeyboardInterrupt``, as Ctrl-C does, so that temporary files go."""
    # Only the main thread may set handlers; a handler that the program has set is kept.
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _reason(error: BaseException) -> str:
    """Return the text of the innermost cause; the outer exceptions only repeat the URL."""
    text = str(error)
    cause = error.__cause__ or error.__context__
    return (cause and _reason(cause)) or text or type(error).__name__


def _one_line(error: object) -> str:
    """Return the text of an error as one printable line."""
    text = " ".join(str(error).split())
    return "".join(character if character.isprintable() else "?" for character in text)
