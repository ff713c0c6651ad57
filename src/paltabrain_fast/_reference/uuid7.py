"""UUIDv7 strings from the ``uuid6`` package."""

import uuid6


def uuid_v7() -> str:
    """Return a new UUIDv7 (RFC 9562) as 36 lower-case characters with hyphens."""
    return str(uuid6.uuid7())
