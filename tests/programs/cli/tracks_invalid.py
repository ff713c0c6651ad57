"""Tracks an event, and one with a property that the schema does not have."""

from config import Context, EventPageOpen

from paltabrain_fast import PaltabrainSdk


class EventWithMore(EventPageOpen):
    def serialize_payload(self) -> bytes:
        payload: bytes = super().serialize_payload()  # type: ignore[no-untyped-call]
        return payload + bytes([0xFA, 0x07, 1, 120])  # property 127


sdk = PaltabrainSdk(context=Context())
sdk.track(EventPageOpen(page_id="a"))
sdk.track(EventWithMore(page_id="b"))
sdk.shutdown(30)
