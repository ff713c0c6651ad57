from .base import EventBase

def encoded_event(event: EventBase) -> tuple[bytes, bytes] | None:
    """Encode an event here, whether its encoding is verified or not.

    Returns:
        Its header and payload; ``None`` if it is left to its own methods.
    """
