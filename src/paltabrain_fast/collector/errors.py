"""Errors of the collector: it cannot start, or it refuses a request or an event."""

from __future__ import annotations


class CollectorError(Exception):
    """The collector cannot start; the text is one line with the cause and the remedy."""


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        status: the HTTP status, a 4xx.
        reason: what is wrong, for the person who debugs the client.
        batch_id: id of the batch, ``None`` if it is not known.
        field: path of what is wrong, such as ``context.user.9``; ``None`` if it is no field.
        instance_id: id of the SDK that sent it, ``None`` if it is not known.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        batch_id: str | None = None,
        field: str | None = None,
        instance_id: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.batch_id = batch_id
        self.field = field
        self.instance_id = instance_id


class UnfitError(ValueError):
    """A part of an event does not fit the schema.

    Attributes:
        field: path of the part within the event, such as ``payload.page_id``.
        reason: what is wrong and what to do, for a person.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason
