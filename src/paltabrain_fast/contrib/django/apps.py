"""The Django app: checks the setting, and fits the SDK to the development server."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Final

from django.apps import AppConfig
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from . import sdk_from_settings

__all__ = ["PaltabrainConfig"]

_LABEL: Final = "paltabrain"


def _check_setting(**_options: Any) -> list[checks.CheckMessage]:
    """Tell of a setting ``PALTABRAIN_SDK`` that cannot be used; ``manage.py`` shows it."""
    try:
        sdk_from_settings()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id=f"{_LABEL}.E001")]
    return []


class PaltabrainConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """Checks the setting ``PALTABRAIN_SDK``.

    In the development server it also has each event sent at once (``flush_interval_ms = 0``): the
    reloader kills the server a quarter of a second after Ctrl-C, and at once when it is told to end
    by ``SIGTERM``.
    """

    name = "paltabrain_fast.contrib.django"
    label = _LABEL
    verbose_name = "PaltaBrain"

    def ready(self) -> None:
        checks.register(_check_setting)
        if os.environ.get(DJANGO_AUTORELOAD_ENV) == "true":
            with contextlib.suppress(ImproperlyConfigured):  # of which the check tells
                sdk_from_settings().flush_interval_ms = 0
