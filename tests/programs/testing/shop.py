"""A service as users write them: its SDK is made when it is imported."""

from __future__ import annotations

from config import Context, EventPageOpen, EventSessionStart

from paltabrain_fast import PaltabrainSdk

sdk = PaltabrainSdk[Context](
    "telemetry.example.com", "key", Context().set_application(app_id="shop")
)


def open_page(page: str) -> None:
    sdk.track(EventPageOpen(page_id=page))


def sign_in(user: str) -> None:
    sdk.track(EventSessionStart(), Context().set_user(user_id=user))
