"""Celery's worker processes, which end by ``os._exit``: what is left is delivered before.

No function of ``atexit`` is called there, nor a finalizer: all that comes is a signal of Celery's.
"""

from __future__ import annotations

from typing import Final

from . import hosts, lifetime

__all__ = ["await_end"]

_ID: Final = "paltabrain_fast"
"""By which Celery knows our receivers: each is connected once."""


def await_end() -> None:
    """Deliver what is left when Celery ends a child; in a process without Celery, do nothing.

    Called by each new SDK. What other receivers of the signal track is delivered as well, if they
    are there when the child starts.
    """
    init = getattr(hosts.loaded("celery.signals"), "worker_process_init", None)
    if init is not None:
        init.connect(_become_last, weak=False, dispatch_uid=_ID)
        _become_last()  # this may be a child that has started already


def _become_last(**_signal: object) -> None:
    end = getattr(hosts.loaded("celery.signals"), "worker_process_shutdown", None)
    if end is not None:
        end.disconnect(dispatch_uid=_ID)
        end.connect(_deliver, weak=False, dispatch_uid=_ID)


def _deliver(**_signal: object) -> None:
    lifetime.deliver()
