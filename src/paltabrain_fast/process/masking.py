"""Keeps the API key out of texts that others wrote: servers, libraries, the user's own code."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["error_text", "masked"]

_MIN_LENGTH: Final = 6
"""A shorter key is no secret, and more likely a word or a number that means something else."""

_MAX_TEXT: Final = 300


def masked(text: str, secret: str) -> str:
    """Return the text with ``***`` wherever the secret stands by itself.

    Within a longer word it is not the secret. Our own texts need none of this: nothing puts it
    there.
    """
    if len(secret) < _MIN_LENGTH:
        return text
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)


def error_text(error: BaseException, secret: str = "") -> str:
    """Return class and text of any exception, in one line.

    Args:
        error: may even be one that cannot be printed.
        secret: the API key, which the text may repeat.
    """
    try:
        text = masked(f"{type(error).__name__}: {error}", secret).strip().removesuffix(":")
    except Exception:
        text = type(error).__name__
    return (text if text.isprintable() else ascii(text)[1:-1])[:_MAX_TEXT]
