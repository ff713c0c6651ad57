"""Prints what Django's checks say of one value of the setting after another."""

from typing import Any, Final

import django
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
not_an_sdk = 7

SETTINGS: Final[list[dict[str, Any]]] = [
    {},
    {"PALTABRAIN_SDK": "tests.programs.ends_web.nowhere.sdk"},
    {"PALTABRAIN_SDK": f"{__name__}.missing"},
    {"PALTABRAIN_SDK": "sdk"},
    {"PALTABRAIN_SDK": f"{__name__}.not_an_sdk"},
    {"PALTABRAIN_SDK": 7},
    {"PALTABRAIN_SDK": f"{__name__}.sdk"},
    {"PALTABRAIN_SDK": sdk},
]

if __name__ == "__main__":
    settings.configure(INSTALLED_APPS=["paltabrain_fast.contrib.django"])
    django.setup()
    for setting in SETTINGS:
        with override_settings(**setting):
            print(*(f"{error.id}: {error.msg}" for error in run_checks()))
