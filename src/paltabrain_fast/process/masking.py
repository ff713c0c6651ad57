"""Keeps the API key out of texts that others wrote: servers, libraries, the user's own code."""

from __future__ import annotations

import re
from typing import Final

_MIN_LENGTH: Final = 6
"""A shorter key is no secret, and more likely a word or a number that means something else."""


def masked(text: str, secret: str) -> str:
    """Return the text with ``***`` wherever the secret stands by itself.

    Within a longer word it is not the secret. Our own texts need none of this: nothing puts it
    there.
    """
    if len(secret) < _MIN_LENGTH:
        return text
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
