"""Makes the environment that leads an application to a collector, unchanged as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ...constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE

__all__ = ["application_environment"]

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
