"""Prints what the middleware says of settings that it cannot use."""

from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.contrib.django.middleware import ContextMiddleware
from tests.support.events import TextContext

sdk = PaltabrainSdk("localhost", "key", TextContext(), disabled=True)

SETTINGS: Final[list[dict[str, Any]]] = [
    {},
    {"PALTABRAIN_SDK": 5},
    {"PALTABRAIN_SDK": f"{__name__}.sdk"},
    {"PALTABRAIN_SDK": sdk, "PALTABRAIN_FILL_CONTEXT": 5},
    {"PALTABRAIN_SDK": sdk, "PALTABRAIN_FILL_CONTEXT": f"{__name__}.missing"},
    {"PALTABRAIN_SDK": sdk, "PALTABRAIN_FILL_CONTEXT": "builtins.print"},
]

if __name__ == "__main__":
    settings.configure()
    for setting in SETTINGS:
        with override_settings(**setting):
            try:
                ContextMiddleware(lambda request: request)
            except ImproperlyConfigured as error:
                print(error)
            else:
                print("fine")
