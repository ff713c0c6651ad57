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

__all__ = ["sdk_from_settings"]


def sdk_from_settings() -> PaltabrainSdk[Any]:
    """Return the SDK that the setting ``PALTABRAIN_SDK`` is, or names.

    Raises:
        ImproperlyConfigured: the setting is missing, names nothing that can be imported, or
            something else than an SDK.
    """
    sdk = setting = getattr(settings, "PALTABRAIN_SDK", None)
    if setting is None:
        raise ImproperlyConfigured(
            "the setting PALTABRAIN_SDK is missing: set it to your SDK, or to the dotted path of it"
            ' as in "shop.analytics.sdk"'
        )
    if isinstance(setting, str):
        try:
            sdk = import_string(setting)
        except ImportError as error:
            raise ImproperlyConfigured(
                f"the setting PALTABRAIN_SDK is {setting!r}, which cannot be imported: {error}"
            ) from error
    if not isinstance(sdk, PaltabrainSdk):
        raise ImproperlyConfigured(
            "the setting PALTABRAIN_SDK must be a PaltabrainSdk, or the dotted path of one, not"
            f" {sdk!r}" + (f", which {setting!r} is" if isinstance(setting, str) else "")
        )
    return sdk
