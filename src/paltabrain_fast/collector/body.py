"""Reads the bodies of requests: no more than a limit, and for no longer than a deadline."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from ..constant import BATCH_MAX_BYTE_SIZE

_DRAINED_BYTES: Final = 8 * BATCH_MAX_BYTE_SIZE
"""Bytes of an oversize body that are read and discarded before the connection is closed."""

BODY_SECONDS: Final = 10
"""Seconds that a body may take to arrive. On loopback, one that takes longer has stalled."""


class Bodies:
    """Reads bodies until it is stopped; used in the event loop's thread.

    Attributes:
        is_stopping: whether the collector stops, and no body is read any more.
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self._timeouts: set[asyncio.Timeout] = set()

    def stop(self) -> None:
        """Refuse with 503 what is not read yet."""
        self.is_stopping = True
        for timeout in self._timeouts:
            with suppress(RuntimeError):  # it has expired already
                timeout.reschedule(0)

    def refuse_if_stopping(self) -> None:
        """Raise ``HTTPException``, 503, if the collector stops."""
        if self.is_stopping:
            raise HTTPException(503, "the collector is stopping", headers={"Connection": "close"})

    async def read(self, request: Request) -> bytes | None:
        """Read the body.

        Part of an oversize body is read and discarded: if the connection were closed while the
        client still sends, it would be reset, and the client would not see the answer.

        Returns:
            The body; ``None`` if it exceeds the limit of a batch. No more than the limit is kept in
            memory.

        Raises:
            HTTPException: 400 if the client hung up, 408 if it stopped sending, 503 if the
                collector is stopping.
        """
        self.refuse_if_stopping()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS) as timeout:
                self._timeouts.add(timeout)
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= BATCH_MAX_BYTE_SIZE:
                        chunks.append(chunk)
                    elif size > _DRAINED_BYTES:
                        break
        except ClientDisconnect:
            raise HTTPException(400, "the body ended early") from None
        except TimeoutError:
            self.refuse_if_stopping()
            raise HTTPException(
                408, f"the body took over {BODY_SECONDS} seconds", headers={"Connection": "close"}
            ) from None
        finally:
            self._timeouts.discard(timeout)
        return b"".join(chunks) if size <= BATCH_MAX_BYTE_SIZE else None
