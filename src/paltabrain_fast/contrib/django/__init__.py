"""Wiring for Django: ``INSTALLED_APPS += ["paltabrain_fast.contrib.django"]``.

The setting ``PALTABRAIN_SDK`` is the SDK of the project, or its dotted path, such as
``"shop.analytics.sdk"``.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ...sdk import PaltabrainSdk
from ..requests import Fill

__all__ = ["fill_from_settings", "sdk_from_settings"]


def sdk_from_settings() -> PaltabrainSdk[Any]:
    """Return the SDK that the setting ``PALTABRAIN_SDK`` is, or names.

    Raises:
        ImproperlyConfigured: the setting is missing, names nothing that can be imported, or
            something else than an SDK.
    """
    setting, sdk = _setting("PALTABRAIN_SDK")
    if setting is None:
        raise ImproperlyConfigured(
            "the setting PALTABRAIN_SDK is missing: set it to your SDK, or to the dotted path of it"
            ' as in "shop.analytics.sdk"'
        )
    if not isinstance(sdk, PaltabrainSdk):
        raise ImproperlyConfigured(
            "the setting PALTABRAIN_SDK must be a PaltabrainSdk, or the dotted path of one, not"
            f" {sdk!r}" + (f", which {setting!r} is" if isinstance(setting, str) else "")
        )
    return sdk


def fill_from_settings() -> Fill[Any] | None:
    """Return the function that the setting ``PALTABRAIN_FILL_CONTEXT`` is, or names, if any.

    Raises:
        ImproperlyConfigured: it names nothing that can be imported, or no function.
    """
    _, fill = _setting("PALTABRAIN_FILL_CONTEXT")
    if fill is not None and not callable(fill):
        raise ImproperlyConfigured(
            "the setting PALTABRAIN_FILL_CONTEXT must be a function of context and request, or the"
            f" dotted path of one, not {fill!r}"
        )
    return fill  # type: ignore[no-any-return]  # callable, says the line above


def _setting(name: str) -> tuple[Any, Any]:
    """Return a setting, and what it is or names; ``None`` if it is missing."""
    setting = getattr(settings, name, None)
    if not isinstance(setting, str):
        return setting, setting
    try:
        return setting, import_string(setting)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"the setting {name} is {setting!r}, which cannot be imported: {error}"
        ) from error
