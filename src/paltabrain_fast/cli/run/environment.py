"""Makes the environment that leads an application to a collector, unchanged as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ...constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE

__all__ = ["application_environment", "write_bundle"]

_BUNDLE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def application_environment(
    environment: Mapping[str, str], hostname: str, bundle: Path | None
) -> dict[str, str]:
    """Return the environment in which an SDK sends to a collector.

    Args:
        environment: the one of this process. An API key that it has is kept.
        hostname: of the collector, as the SDK takes it.
        bundle: certificates to trust; ``None`` leaves those that are trusted.
    """
    changed = dict(environment)
    changed[HOSTNAME_VARIABLE] = hostname
    changed[API_KEY_VARIABLE] = environment.get(API_KEY_VARIABLE) or "local"
    changed.pop("PALTABRAIN_SDK_DISABLED", None)
    without_proxy = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [*filter(None, without_proxy.split(",")), *_LOOPBACK]
    changed["no_proxy"] = changed["NO_PROXY"] = ",".join(dict.fromkeys(names))
    if bundle is not None:
        changed |= dict.fromkeys(_BUNDLE_VARIABLES, str(bundle))
    return changed


def write_bundle(path: Path, ca_file: Path, environment: Mapping[str, str]) -> None:
    """Write a file with the certificates that are usually trusted, and one more.

    The usual ones are those that ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` names, or else those
    of ``requests``; so the application goes on to trust the other servers that it speaks to.

    Args:
        path: the file to write.
        ca_file: the certificate of the collector's authority.
        environment: for the names of the usual ones.

    Raises:
        OSError: a file cannot be read or written.
    """
    named = [environment[name] for name in _BUNDLE_VARIABLES if environment.get(name)]
    usual = Path(named[0] if named else DEFAULT_CA_BUNDLE_PATH)
    parts = [file.read_bytes() for file in (*_files(usual), ca_file)]
    path.write_bytes(b"\n".join(parts))


def _files(usual: Path) -> Iterator[Path]:
    if usual.is_dir():
        yield from (file for file in sorted(usual.iterdir()) if file.is_file())
    else:
        yield usual
