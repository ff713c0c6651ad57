from .base import ContextBase

def encoded_context(context: ContextBase) -> bytes | None:
    """Encode a context here, whether its encoding is verified or not.

    Returns:
        The serialized context; ``None`` if it is left to its own method.
    """
