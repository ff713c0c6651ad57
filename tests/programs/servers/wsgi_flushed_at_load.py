"""The same application, whose first event is sent before it is there to answer."""

from tests.programs.servers.wsgi import application, sdk

__all__ = ["application"]

sdk.flush(timeout=30)
